import { computed, onMounted, onScopeDispose, ref, shallowRef } from 'vue'
import { api, ApiProblem, newKey, persist, type Call } from '@/shared/api'
import { say } from '@/shared/i18n'
import type { RoomClient } from '@/shared/room-client'
import { leavesGap, withLine } from './lines'
import type { Conversation, Sending, TalkLine, TalkPage, TalkProduct } from './types'

export interface TalkPlace {
  id: string
  as: 'member' | 'staff'
  /** Whose facts tell of new lines; without one the page asks now and then. */
  client: RoomClient | null
  /** Somebody who takes no part: nothing is marked as read. */
  looksOn?: boolean
}

const asksEveryMs = 5_000
export const mostPictureBytes = 5 * 1024 * 1024

/** One conversation, kept fresh while it is open. */
export function useTalking({ id, as, client, looksOn = false }: TalkPlace) {
  const at = `/api/conversations/${id}`
  const ask = <T>(path: string, call: Call = {}): Promise<T> => api<T>(at + path, { ...call, as })

  const conversation = shallowRef<Conversation | null>(null)
  const lines = shallowRef<TalkLine[]>([])
  const sending = ref<Sending[]>([])
  const before = ref<number | null>(null)
  const trouble = ref('')
  const loading = ref(false)

  const wordsOf = (reason: unknown): string => (reason instanceof ApiProblem ? reason.words : say('problem.unknown'))
  const canWrite = computed(() => Boolean(conversation.value && !looksOn && !conversation.value.closed && conversation.value.receiving))

  async function load(): Promise<void> {
    if (loading.value) return
    loading.value = true
    try {
      const page = await ask<TalkPage>('/lines')
      conversation.value = page.conversation
      const first = page.items[0]?.number ?? 0
      const known = lines.value.filter((line) => line.number < first)
      const joined = known.length && known.at(-1)?.number === first - 1
      lines.value = joined ? [...known, ...page.items] : page.items
      if (!joined) before.value = page.before
      trouble.value = ''
      void markRead()
    } catch (reason) {
      if (!conversation.value) trouble.value = wordsOf(reason)
    } finally {
      loading.value = false
    }
  }

  async function older(): Promise<void> {
    if (!before.value || loading.value) return
    loading.value = true
    try {
      const page = await ask<TalkPage>('/lines', { query: { before: before.value } })
      lines.value = [...page.items, ...lines.value]
      before.value = page.before
    } catch {
      // The button stays.
    } finally {
      loading.value = false
    }
  }

  function take(line: TalkLine): void {
    if (leavesGap(lines.value, line)) void load()
    else lines.value = withLine(lines.value, line)
    void markRead()
  }

  async function markRead(): Promise<void> {
    const last = lines.value.at(-1)?.number ?? 0
    const now = conversation.value
    if (!now || looksOn || document.hidden || last <= now.read_to) return
    conversation.value = { ...now, read_to: last, unread: 0 }
    await ask('/read', { body: { number: last } }).catch(() => undefined)
  }

  async function send(one: Sending): Promise<void> {
    one.failed = ''
    try {
      const line = await persist(() =>
        one.picture
          ? ask<TalkLine>('/pictures', { raw: { body: one.picture, type: one.picture.type }, key: one.key })
          : ask<TalkLine>('/lines', { body: one.product ? { product_id: one.product.product_id } : { text: one.text }, key: one.key }),
      )
      take(line)
      drop(one)
    } catch (reason) {
      one.failed = wordsOf(reason)
      if (reason instanceof ApiProblem && reason.status === 409) void load()
    }
  }

  function begin(what: Omit<Sending, 'key' | 'failed'>): void {
    sending.value.push({ ...what, key: newKey(), failed: '' })
    const one = sending.value.at(-1)
    if (one) void send(one as Sending)
  }

  function drop(one: Sending): void {
    sending.value = sending.value.filter((other) => other.key !== one.key)
    const { shown } = one
    if (shown) setTimeout(() => URL.revokeObjectURL(shown), 10_000)
  }

  const sendText = (text: string): void => begin({ text })
  const sendProduct = (product: TalkProduct): void => begin({ product })
  function sendPicture(picture: File): void {
    const wrong = picture.size > mostPictureBytes ? say('talk.pictureTooLarge') : ''
    if (wrong) sending.value.push({ key: newKey(), picture, shown: URL.createObjectURL(picture), failed: wrong })
    else begin({ picture, shown: URL.createObjectURL(picture) })
  }

  /** Throws ApiProblem. */
  async function takeBack(line: TalkLine): Promise<void> {
    take(await ask<TalkLine>(`/lines/${line.number}`, { method: 'DELETE' }))
  }

  async function receive(receiving: boolean): Promise<void> {
    conversation.value = await ask<Conversation>('/receiving', { method: 'PUT', body: { receiving } })
  }

  const off = client
    ? [
        client.onFact('me', 'conversation.line', (told) => told.conversation_id === id && take(told.line)),
        client.onFact('me', 'conversation.recalled', (told) => {
          const line = lines.value.find((one) => told.conversation_id === id && one.number === told.number)
          if (line) take({ ...line, recalled: true, text: null, picture: null, product: null })
        }),
        client.onFact('me', 'conversation.read', (told) => {
          const now = conversation.value
          if (!now || told.conversation_id !== id || told.by === now.side) return
          conversation.value = { ...now, other_read_to: Math.max(now.other_read_to, told.number) }
        }),
        client.onFact('me', 'conversation.receiving', (told) => {
          if (told.conversation_id === id && conversation.value) conversation.value = { ...conversation.value, receiving: told.receiving }
        }),
        client.onFact('me', 'conversation.merged', (told) => void (told.conversation_id === id && load())),
        client.on('snapshot', () => void load()),
      ]
    : []
  const timer = client ? undefined : setInterval(() => document.hidden || void load(), asksEveryMs)
  const seen = (): void => void (document.hidden || load())
  document.addEventListener('visibilitychange', seen)
  onMounted(load)
  onScopeDispose(() => {
    for (const stop of off) stop()
    clearInterval(timer)
    document.removeEventListener('visibilitychange', seen)
  })

  return { conversation, lines, sending, before, trouble, loading, canWrite, load, older, send, drop, sendText, sendProduct, sendPicture, takeBack, receive }
}
