import { beforeEach, describe, expect, test, vi } from 'vitest'
import { RoomClient, type ChatLine, type Fact, type Snapshot, type Talk, type Welcome } from '@/shared/room-client'
import { FakeClock, FakeSocket } from '../../shared/room-client/fake-socket'
import { useTalk, withLate, withLines, withoutLine } from './talk'

const line = (id: string, more: Partial<ChatLine> = {}): ChatLine => ({ id, member_id: 'v9', name: '阿明', role: 'member', text: id, at: `2025-11-11T12:00:0${id.slice(-1)}Z`, ...more })
const me = { member_id: 'v1', name: '小王' }

describe('lines', () => {
  test('come once, and a better version takes their place', () => {
    const answered = line('m2', { text: '有的', reply_to: { id: 'm1', member_id: 'v1', name: '小王', text: '有吗' } })
    expect(withLines([line('m1'), line('m2')], [answered, line('m3')])).toEqual([line('m1'), answered, line('m3')])
  })
  test('that come late stand where their time puts them', () => {
    expect(withLate([line('m1'), line('m3')], line('m2')).map(({ id }) => id)).toEqual(['m1', 'm2', 'm3'])
  })
  test('that are taken back are quoted no longer', () => {
    const answer = line('m2', { reply_to: { id: 'm1', member_id: 'v9', name: '阿明', text: 'm1' } })
    expect(withoutLine([line('m1'), answer], 'm1')).toEqual([{ ...answer, reply_to: undefined }])
  })
  test('are kept up to 120', () => {
    const many = Array.from({ length: 130 }, (_, at) => line(`m${at}`))
    expect(withLines([], many)).toHaveLength(120)
  })
})

describe('a room’s talk', () => {
  let socket: FakeSocket
  let client: RoomClient
  let talk: ReturnType<typeof useTalk>
  let offset: number

  function open(more: Partial<Welcome> = {}): void {
    const snapshot = { pinned_line: null, chat: { pre_review: false, links: false, slow_s: 0 } } as Partial<Snapshot> as Snapshot
    socket.accept()
    socket.deliver({
      type: 'welcome', v: 1, session: 's', you: { ...me, role: 'member', muted_until: null }, positions: { room: '1-0', me: '1-0' },
      resumed: {}, snapshot, talk: [], ...more,
    })
  }
  function fact(topic: 'room' | 'me', kind: string, data: unknown): void {
    offset++
    socket.deliver({ type: 'batch', topic, position: `1-${offset}`, facts: [{ o: offset, kind, data } as unknown as Fact & { o: number }] })
  }
  const said = (one: ChatLine): Talk => ({ kind: 'chat.said', ...one })
  const ref = (): string => (socket.sent.at(-1) as { ref: string }).ref
  const states = (): string[] => talk.own.value.map(({ state }) => state)

  beforeEach(() => {
    vi.useRealTimers()
    offset = 0
    client = new RoomClient({ address: () => 'ws://room', clock: new FakeClock(), open: (address) => (socket = new FakeSocket(address)) })
    talk = useTalk('r1', client)
    client.connect()
    open()
  })

  test('one’s own line is seen at once and gives way to the room’s', async () => {
    const done = talk.say('有吗', me)
    expect(states()).toEqual(['sending'])
    socket.deliver({ type: 'ack', ref: ref(), id: 'm1', line: said(line('m1', { ...me, text: '有吗' })) })
    await done
    expect(states()).toEqual([])
    expect(talk.lines.value.map(({ id }) => id)).toEqual(['m1'])
  })

  test('a line that is held stays until it is shown', async () => {
    const done = talk.say('加微信', me)
    socket.deliver({ type: 'ack', ref: ref(), id: 'm4' })
    await done
    expect(states()).toEqual(['waiting'])
    fact('me', 'chat.shown', { room_id: 'r1', message: line('m4', { ...me, text: '加微信' }) })
    expect(states()).toEqual([])
    expect(talk.lines.value).toHaveLength(1)
  })

  test('a line that is refused says so and goes', async () => {
    vi.useFakeTimers()
    const done = talk.say('加微信', me)
    socket.deliver({ type: 'ack', ref: ref(), id: 'm4' })
    await done
    fact('me', 'chat.refused', { room_id: 'another', message_id: 'm4' })
    expect(states()).toEqual(['waiting'])
    fact('me', 'chat.refused', { room_id: 'r1', message_id: 'm4' })
    expect(states()).toEqual(['refused'])
    vi.advanceTimersByTime(6_000)
    expect(states()).toEqual([])
  })

  test('an answer to me is there even where the room’s sample left it out', () => {
    const answer = line('m5', { role: 'host', always: true, reply_to: { id: 'm3', member_id: 'v1', name: '小王', text: '有吗' } })
    fact('me', 'chat.mentioned', { room_id: 'r1', message: answer })
    expect(talk.lines.value).toEqual([answer])
    expect(talk.mentioned.value).toEqual(answer)
    socket.deliver({ type: 'batch', topic: 'room', position: '1-9', talk: [said(answer)] })
    expect(talk.lines.value).toHaveLength(1)
  })

  test('an answered question shows its answer with the question quoted', () => {
    socket.deliver({ type: 'batch', topic: 'room', position: '1-0', talk: [said(line('m1')), said(line('m3'))] })
    fact('room', 'question.answered', { message_id: 'm1', answer: line('m2', { role: 'host' }) })
    expect(talk.lines.value.map(({ id }) => id)).toEqual(['m1', 'm2', 'm3'])
    expect(talk.lines.value[1]!.reply_to).toEqual({ id: 'm1', member_id: 'v9', name: '阿明', text: 'm1' })
  })

  test('slow mode makes the next line wait, as the room’s setting or the server says', async () => {
    fact('room', 'chat.setting', { pre_review: false, links: false, slow_s: 10 })
    const done = talk.say('一', me)
    socket.deliver({ type: 'ack', ref: ref(), id: 'm1', line: said(line('m1', me)) })
    await done
    expect(talk.silentUntil.value - Date.now()).toBeGreaterThan(8_000)
    const again = talk.say('二', me)
    socket.deliver({ type: 'problem', ref: ref(), problem: { slug: 'slow-mode', status: 429, retry_after_s: 4, slow_s: 10 } })
    await expect(again).rejects.toMatchObject({ slug: 'slow-mode', data: { retry_after_s: 4 } })
    expect(talk.silentUntil.value - Date.now()).toBeLessThan(5_000)
    fact('room', 'chat.setting', { pre_review: false, links: false, slow_s: 0 })
    expect(talk.silentUntil.value).toBe(0)
  })

  test('whoever is made a moderator connects again to hear what moderators hear', () => {
    const before = socket
    fact('me', 'moderator', { room_id: 'r1', moderates: true })
    expect(socket).not.toBe(before)
    open({ you: { ...me, role: 'member', muted_until: null, moderates: true } })
    expect(talk.moderates.value).toBe(true)
    expect(talk.office.value).toEqual({ moderates: true })
  })
})
