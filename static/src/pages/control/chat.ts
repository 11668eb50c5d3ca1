import { computed, ref } from 'vue'
import { api, ApiProblem } from '@/shared/api'
import { tellProblem } from '@/shared/console/tell'
import type { ChatLine, RoomClient, Talk, You } from '@/shared/room-client'
import { RoomProblem } from '@/shared/room-client'
import type { Page } from '@/shared/types'
import { isQuestion } from './questions'

export interface Entry extends ChatLine {
  deleted: boolean
  /** Said here and not yet acknowledged. */
  pending: boolean
}
export type Filter = 'all' | 'questions' | 'orders'

const mostKept = 300

/** The chat column: lines as they come, and moderation that shows at once and can be undone. */
export function useChat(roomId: string, client: RoomClient, you: () => You | null) {
  const entries = ref<Entry[]>([])
  const mutes = ref(new Map<string, string>())
  const earlier = ref<'unknown' | 'none' | 'loading'>('unknown')
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
  client.onFact('room', 'chat.deleted', ({ message_id }) => mark(message_id, true))
  client.onFact('room', 'chat.restored', ({ message }) => (find(message.id) ? mark(message.id, false) : add(message)))
  client.onFact('room', 'member.muted', ({ member_id, until }) => mutes.value.set(member_id, until))
  client.onFact('room', 'member.unmuted', ({ member_id }) => mutes.value.delete(member_id))

  function mark(id: string, deleted: boolean): void {
    const entry = find(id)
    if (entry) entry.deleted = deleted
  }

  async function remove(id: string): Promise<void> {
    mark(id, true)
    await moderate(() => api(`/api/rooms/${roomId}/messages/${id}`, { method: 'DELETE' }), () => mark(id, false))
  }

  async function restore(id: string): Promise<void> {
    mark(id, false)
    await moderate(() => api(`/api/rooms/${roomId}/messages/${id}/restore`, { method: 'POST' }), () => mark(id, true))
  }

  async function mute(memberId: string, minutes: number): Promise<void> {
    mutes.value.set(memberId, new Date(Date.now() + minutes * 60_000).toISOString())
    await moderate(
      () => api(`/api/rooms/${roomId}/mutes`, { body: { member_id: memberId, minutes } }),
      () => mutes.value.delete(memberId),
    )
  }

  async function unmute(memberId: string): Promise<void> {
    const until = mutes.value.get(memberId)
    mutes.value.delete(memberId)
    await moderate(
      () => api(`/api/rooms/${roomId}/mutes/${memberId}`, { method: 'DELETE' }),
      () => until && mutes.value.set(memberId, until),
    )
  }

  async function say(text: string): Promise<void> {
    const me = you()
    const id = `pending-${++pendings}`
    entries.value.push({
      id,
      member_id: me?.member_id ?? '',
      name: me?.name ?? '',
      role: me?.role ?? 'host',
      text,
      at: new Date().toISOString(),
      deleted: false,
      pending: true,
    })
    try {
      settle(id, await client.say(text))
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
      const page = await api<Page<ChatLine & { deleted_at?: string | null }>>(`/api/rooms/${roomId}/messages`, { query: { before } })
      const known = new Set(entries.value.map((entry) => entry.id))
      const older = page.items.filter((line) => !known.has(line.id)).sort((a, b) => (a.at < b.at ? -1 : 1))
      entries.value = [...older.map((line) => ({ ...line, deleted: Boolean(line.deleted_at), pending: false })), ...entries.value]
      before = page.next
      earlier.value = before ? 'unknown' : 'none'
    } catch (reason) {
      earlier.value = 'unknown'
      tellProblem(reason)
    }
  }

  const questions = computed(() => entries.value.filter((entry) => !isStaff(entry.role) && isQuestion(entry.text)))

  return { entries, questions, mutes, earlier, remove, restore, mute, unmute, say, loadEarlier }
}

export type Chat = ReturnType<typeof useChat>

export function isStaff(role: string): boolean {
  return !['member', 'guest', 'viewer', ''].includes(role)
}

async function moderate(act: () => Promise<unknown>, undo: () => unknown): Promise<void> {
  try {
    await act()
  } catch (reason) {
    undo()
    tellProblem(reason)
  }
}
