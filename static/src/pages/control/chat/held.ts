import { ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { api, ApiProblem } from '@/shared/api'
import { tellProblem, tellUndo } from '@/shared/console/tell'
import type { ChatLine, RoomClient } from '@/shared/room-client'
import type { KeptLine, Page } from '@/shared/types'
import { optimistic } from './optimistic'

/** `why` is null where only the line is known, not what held it. */
export interface Held { message: ChatLine; why: 'pre-review' | 'word' | null; pattern: string | null }

/** Lines that wait for a moderator, the longest waiting first. */
export function useHeld(roomId: string, client: RoomClient) {
  const { t } = useI18n()
  const held = ref<Held[]>([])
  const at = `/api/rooms/${roomId}/messages`

  client.on('welcome', ({ resumed }) => void (resumed.moderation || load()))
  client.onFact('moderation', 'chat.held', (one) => put(one))
  client.onFact('moderation', 'chat.reviewed', ({ message_id }) => take(message_id))

  function put(one: Held): void {
    const others = held.value.filter(({ message }) => message.id !== one.message.id)
    held.value = [...others, one].sort((a, b) => a.message.at.localeCompare(b.message.at))
  }

  function take(id: string): Held | undefined {
    const one = held.value.find(({ message }) => message.id === id)
    held.value = held.value.filter((other) => other !== one)
    return one
  }

  async function load(): Promise<void> {
    const page = await api<Page<KeptLine>>(at, { query: { state: 'waiting' } }).catch(() => null)
    if (!page) return
    const known = new Map(held.value.map((one) => [one.message.id, one]))
    held.value = page.items.map(({ reply_to: _, ...message }) => known.get(message.id) ?? { message, why: null, pattern: null }).reverse()
  }

  const decide = (id: string, shown: boolean): Promise<unknown> => api(`${at}/${id}/review`, { body: { shown } })

  async function review({ message }: Held, shown: boolean): Promise<void> {
    const one = take(message.id)
    try {
      await decide(message.id, shown)
    } catch (reason) {
      if (one && !(reason instanceof ApiProblem && reason.slug === 'not-waiting')) put(one)
      return tellProblem(reason)
    }
    if (shown) tellUndo(t('held.approved', { name: message.name }), () => void takeBack(message.id))
    else tellUndo(t('held.refusedOf', { name: message.name }), () => void showAfterAll(message.id), t('held.showAfterAll'))
  }

  const takeBack = (id: string): Promise<boolean> => optimistic(() => api(`${at}/${id}`, { method: 'DELETE' }), () => undefined)
  const showAfterAll = (id: string): Promise<boolean> => optimistic(() => decide(id, true), () => undefined)

  return { held, review }
}

export type HeldLines = ReturnType<typeof useHeld>
