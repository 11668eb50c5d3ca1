import { onScopeDispose, ref } from 'vue'
import { ApiProblem, type api } from './api'
import { cut, findWord } from './found'
import { lineOf } from './lines'
import type { ChatLine, RoomClient } from './room-client'
import type { KeptLine, Page } from './types'

/** `why` is null where nobody wrote down what held the line. */
export interface Held { message: ChatLine; why: 'pre-review' | 'word' | null; pattern: string | null }

/** How a page calls the server and tells what came of it; `takeBack` does the opposite of what was decided. */
interface Manners {
  call: typeof api
  decided: (message: ChatLine, shown: boolean, takeBack: () => void) => void
  failed: (reason: unknown) => void
}

/** Lines that wait for a moderator, the longest waiting first. */
export function useHeldLines(roomId: string, client: RoomClient, { call, decided, failed }: Manners) {
  const held = ref<Held[]>([])
  /** More wait than were read. */
  let others = false
  /** What was told since the list was asked for that is still on its way: it may be older than that. */
  let since: (() => void)[] | null = null
  let reading = 0
  const at = `/api/rooms/${encodeURIComponent(roomId)}/messages`

  const ends = [
    client.on('welcome', ({ resumed }) => void (resumed.moderation || load())),
    client.onFact('moderation', 'chat.held', (one) => told(() => put(one))),
    client.onFact('moderation', 'chat.reviewed', ({ message_id }) => told(() => void take(message_id))),
  ]
  onScopeDispose(() => ends.forEach((end) => end()))

  function told(change: () => void): void {
    change()
    since?.push(change)
  }

  function put(one: Held): void {
    const rest = held.value.filter(({ message }) => message.id !== one.message.id)
    held.value = [...rest, one].sort((a, b) => a.message.at.localeCompare(b.message.at))
  }

  function take(id: string): Held | undefined {
    const one = held.value.find(({ message }) => message.id === id)
    held.value = held.value.filter((other) => other !== one)
    if (one && others && !held.value.length) void load()
    return one
  }

  async function load(): Promise<void> {
    const mine = ++reading
    since = []
    const page = await call<Page<KeptLine>>(at, { query: { state: 'waiting' } }).catch(() => null)
    if (!page || mine !== reading) return
    held.value = page.items.map((line) => ({ message: lineOf(line), why: line.why, pattern: line.pattern })).reverse()
    others = page.next !== null
    const changes = since ?? []
    since = null
    for (const change of changes) change()
  }

  const decide = (id: string, shown: boolean): Promise<unknown> => call(`${at}/${id}/review`, { body: { shown } })
  const remove = (id: string): Promise<unknown> => call(`${at}/${id}`, { method: 'DELETE' })

  async function review({ message }: Held, shown: boolean): Promise<void> {
    const one = take(message.id)
    try {
      await decide(message.id, shown)
    } catch (reason) {
      if (one && !(reason instanceof ApiProblem && reason.slug === 'not-waiting')) put(one)
      return failed(reason)
    }
    decided(message, shown, () => void (shown ? remove(message.id) : decide(message.id, true)).catch(failed))
  }

  return { held, load, review }
}

export type HeldLines = ReturnType<typeof useHeldLines>

/** The line around the word that held it, where that can be pointed at. */
export function marked({ message, pattern }: Held): { before: string; hit: string; after: string } {
  const span = pattern ? findWord(message.text, pattern) : null
  return span ? cut(message.text, span) : { before: message.text, hit: '', after: '' }
}
