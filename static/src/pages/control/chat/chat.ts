import { ref, shallowRef } from 'vue'
import { api, ApiProblem } from '@/shared/api'
import { tellProblem } from '@/shared/console/tell'
import { quoteOf } from '@/shared/lines'
import type { ChatLine, RoomClient, Talk, You } from '@/shared/room-client'
import { RoomProblem } from '@/shared/room-client'
import type { KeptLine, Page } from '@/shared/types'
import { entryOf, type Entry } from './lines'
import { optimistic } from './optimistic'

export type Filter = 'all' | 'questions' | 'review' | 'orders'

const mostKept = 300

/** The chat column's lines as they come, said, taken back and pinned: shown at once. */
export function useChat(roomId: string, client: RoomClient, you: () => You | null) {
  const entries = ref<Entry[]>([])
  const pinnedLine = shallowRef<ChatLine | null>(null)
  const earlier = ref<'unknown' | 'none' | 'loading'>('unknown')
  const at = `/api/rooms/${roomId}`
  let before: string | null = null
  let pendings = 0

  const find = (id: string): Entry | undefined => entries.value.find((entry) => entry.id === id)

  function add(line: ChatLine): void {
    if (find(line.id)) return
    const echo = entries.value.findIndex((one) => one.pending && one.member_id === line.member_id && one.text === line.text)
    if (echo >= 0) entries.value.splice(echo, 1)
    entries.value.push({ ...line, deleted: false, pending: false })
    if (entries.value.length > mostKept) entries.value.splice(0, entries.value.length - mostKept)
  }

  client.on('talk', (lines: Talk[]) => lines.forEach((line) => line.kind === 'chat.said' && add(line)))
  client.on('snapshot', (snapshot) => (pinnedLine.value = snapshot.pinned_line ?? null))
  client.onFact('room', 'chat.deleted', ({ message_id }) => mark(message_id, true))
  client.onFact('room', 'chat.restored', ({ message }) => (find(message.id) ? mark(message.id, false) : add(message)))
  client.onFact('room', 'chat.pinned', ({ message }) => (pinnedLine.value = message))
  client.onFact('room', 'question.answered', ({ answer }) => add(answer))

  function mark(id: string, deleted: boolean): void {
    const entry = find(id)
    if (entry) entry.deleted = deleted
  }

  async function remove(id: string): Promise<void> {
    mark(id, true)
    await optimistic(() => api(`${at}/messages/${id}`, { method: 'DELETE' }), () => mark(id, false))
  }

  async function restore(id: string): Promise<void> {
    mark(id, false)
    await optimistic(() => api(`${at}/messages/${id}/restore`, { method: 'POST' }), () => mark(id, true))
  }

  /** True when it stands. */
  async function pin(line: ChatLine | null): Promise<boolean> {
    const was = pinnedLine.value
    pinnedLine.value = line
    return optimistic(
      () => api(`${at}/pinned-line`, { method: 'PUT', body: { message_id: line?.id ?? null } }),
      () => (pinnedLine.value = was),
    )
  }

  async function say(text: string, replyTo: ChatLine | null = null): Promise<void> {
    const me = you()
    const id = `pending-${++pendings}`
    entries.value.push({
      id,
      member_id: me?.member_id ?? '',
      name: me?.name ?? '',
      role: me?.role ?? 'host',
      text,
      at: new Date().toISOString(),
      always: true,
      ...(replyTo ? { reply_to: quoteOf(replyTo) } : {}),
      deleted: false,
      pending: true,
    })
    try {
      settle(id, (await client.say(text, replyTo?.id)).id)
    } catch (reason) {
      entries.value = entries.value.filter((entry) => entry.id !== id)
      throw reason instanceof RoomProblem
        ? new ApiProblem(reason.problem.slug, reason.problem.status, reason.problem)
        : reason
    }
  }

  function settle(pending: string, id: string): void {
    const entry = find(pending)
    if (!entry) return
    if (find(id)) entries.value = entries.value.filter((one) => one !== entry)
    else Object.assign(entry, { id, pending: false })
  }

  async function loadEarlier(): Promise<void> {
    if (earlier.value !== 'unknown') return
    earlier.value = 'loading'
    try {
      const page = await api<Page<KeptLine>>(`${at}/messages`, { query: { state: 'shown', before } })
      const known = new Set(entries.value.map((entry) => entry.id))
      const older = page.items.filter((line) => !known.has(line.id)).sort((a, b) => (a.at < b.at ? -1 : 1))
      entries.value = [...older.map(entryOf), ...entries.value]
      before = page.next
      earlier.value = before ? 'unknown' : 'none'
    } catch (reason) {
      earlier.value = 'unknown'
      tellProblem(reason)
    }
  }

  return { entries, pinnedLine, earlier, find, remove, restore, pin, say, loadEarlier }
}

export type Chat = ReturnType<typeof useChat>
