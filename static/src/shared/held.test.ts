import { effectScope, type EffectScope } from 'vue'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ApiProblem, type api } from './api'
import { marked, useHeldLines, type Held, type HeldLines } from './held'
import type { ChatLine, RoomClient } from './room-client'

const line = (id: string): ChatLine => ({ id, member_id: 'v', name: '小王', role: 'member', text: `加微信 ${id}`, at: `2025-11-11T12:00:0${id}Z` })
const heldLine = (id: string): Held => ({ message: line(id), why: 'word', pattern: '微信' })

let scope: EffectScope
let lines: HeldLines
let tell: Record<string, (data: never) => void>
let asked: string[]
let waiting: string[]
let refusal: ApiProblem | null
let undo: (() => void) | null
let failed: unknown[]

beforeEach(() => {
  ;[tell, asked, waiting, refusal, undo, failed] = [{}, [], [], null, null, []]
  const listen = (kind: string, act: (data: never) => void) => ((tell[kind] = act), () => void delete tell[kind])
  const client = { on: listen, onFact: (_: string, kind: string, act: (data: never) => void) => listen(kind, act) } as unknown as RoomClient
  const call = (path: string, given: { body?: { shown: boolean }; method?: string } = {}): Promise<unknown> => {
    asked.push(`${path.split('/messages')[1]} ${given.body?.shown ?? given.method ?? ''}`.trim())
    if (refusal) return Promise.reject(refusal)
    const items = waiting.map((id) => ({ ...line(id), state: 'waiting', why: 'word', pattern: '微信', reply_to: null, quoted: null, deleted_at: null }))
    return Promise.resolve({ items, next: null })
  }
  scope = effectScope()
  lines = scope.run(() =>
    useHeldLines('r', client, { call: call as typeof api, decided: (_message, _shown, back) => (undo = back), failed: (reason) => failed.push(reason) }),
  )!
})
afterEach(() => scope.stop())

const held = (): string[] => lines.held.value.map(({ message }) => message.id)
const hear = (kind: string, data: unknown): void => tell[kind]!(data as never)

test('lines wait in the order in which they were written, each once', () => {
  for (const id of ['2', '1', '2']) hear('chat.held', heldLine(id))
  expect(held()).toEqual(['1', '2'])
  hear('chat.reviewed', { message_id: '1', shown: false })
  expect(held()).toEqual(['2'])
})

test('a list that is read is as the server has it', async () => {
  hear('chat.held', heldLine('3'))
  waiting = ['2', '1']
  await lines.load()
  expect(lines.held.value).toEqual([heldLine('1'), heldLine('2')])
})

test('what is told while an older list is on its way is not lost', async () => {
  waiting = ['1']
  const reading = lines.load()
  hear('chat.held', heldLine('2'))
  hear('chat.reviewed', { message_id: '1', shown: true })
  await reading
  expect(held()).toEqual(['2'])
})

test('of two readings the one that was asked for last counts', async () => {
  waiting = ['1']
  const first = lines.load()
  waiting = ['1', '2']
  await Promise.all([lines.load(), first])
  expect([...held()].sort()).toEqual(['1', '2'])
})

test('what was let through can be taken back, what was refused let through', async () => {
  for (const shown of [true, false]) {
    hear('chat.held', heldLine('1'))
    await lines.review(heldLine('1'), shown)
    undo!()
  }
  expect(asked).toEqual(['/1/review true', '/1 DELETE', '/1/review false', '/1/review true'])
  expect(held()).toEqual([])
})

test('a line that could not be decided is back, unless somebody else decided it', async () => {
  hear('chat.held', heldLine('1'))
  refusal = new ApiProblem('offline', 0)
  await lines.review(heldLine('1'), true)
  expect(held()).toEqual(['1'])
  refusal = new ApiProblem('not-waiting', 409)
  await lines.review(heldLine('1'), true)
  expect(held()).toEqual([])
  expect(failed).toHaveLength(2)
})

test('the page that goes away listens no more', () => {
  scope.stop()
  expect(tell).toEqual({})
})

test('the word that held a line is pointed at where it stands as written', () => {
  expect(marked(heldLine('1'))).toEqual({ before: '加', hit: '微信', after: ' 1' })
  expect(marked({ ...heldLine('1'), pattern: null }).hit).toBe('')
})
