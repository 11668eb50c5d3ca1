import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import { api } from '@/shared/api'
import type { Conversation, Conversations } from '@/shared/conversation/types'
import type { RoomClient } from '@/shared/room-client'

const asksEveryMs = 8_000

/** The guide's conversations: by the store's connection, and where there is none by asking now and then. */
export function useTalks(client: RoomClient | null) {
  const items = shallowRef<Conversation[] | null>(null)
  const next = ref<string | null>(null)
  const unread = computed(() => (items.value ?? []).reduce((sum, one) => sum + one.unread, 0))

  async function load(): Promise<void> {
    const page = await api<Conversations>('/api/conversations').catch(() => null)
    if (!page) return
    items.value = page.items
    next.value = page.next
  }

  async function more(): Promise<void> {
    const page = await api<Conversations>('/api/conversations', { query: { cursor: next.value } }).catch(() => null)
    if (!page) return
    items.value = [...(items.value ?? []), ...page.items]
    next.value = page.next
  }

  let waiting: ReturnType<typeof setTimeout> | undefined
  function loadSoon(): void {
    clearTimeout(waiting)
    waiting = setTimeout(load, 150)
  }

  const off = client
    ? [
        client.onFact('me', 'conversation.line', loadSoon),
        client.onFact('me', 'conversation.recalled', loadSoon),
        client.onFact('me', 'conversation.merged', loadSoon),
        client.on('snapshot', loadSoon),
      ]
    : []
  const timer = client ? undefined : setInterval(() => document.hidden || void load(), asksEveryMs)
  const seen = (): void => void (document.hidden || loadSoon())
  document.addEventListener('visibilitychange', seen)
  void load()
  onScopeDispose(() => {
    for (const stop of off) stop()
    clearInterval(timer)
    clearTimeout(waiting)
    document.removeEventListener('visibilitychange', seen)
  })
  return { items, next, unread, load, loadSoon, more }
}
