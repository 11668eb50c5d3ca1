import { computed, ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { api, ApiProblem, newKey } from '@/shared/api'
import { tellProblem, tellUndo } from '@/shared/console/tell'
import type { ChatLine, RoomClient } from '@/shared/room-client'
import type { Page, QuestionAsked } from '@/shared/types'
import { queued, type Question } from './lines'
import { optimistic } from './optimistic'
import { undoLatest } from './undoing'

/** The room's open questions, as the server tells them apart; whoever is asked first is first. */
export function useQuestions(roomId: string, client: RoomClient) {
  const { t } = useI18n()
  const open = ref<Question[]>([])
  const gone = ref(new Set<string>())
  const earlier = ref<string | null>(null)
  const at = `/api/rooms/${roomId}/questions`
  const questions = computed(() => open.value.filter(({ message }) => !gone.value.has(message.id)))

  client.on('welcome', ({ resumed }) => void (resumed.moderation || load()))
  client.onFact('moderation', 'question.asked', (question) => put(question))
  client.onFact('moderation', 'question.settled', ({ message_id }) => take(message_id))
  client.onFact('room', 'chat.deleted', ({ message_id }) => gone.value.add(message_id))
  client.onFact('room', 'chat.restored', ({ message }) => gone.value.delete(message.id))

  function put(question: Question): void {
    open.value = queued(open.value, [question])
  }

  function take(id: string): Question | undefined {
    const question = open.value.find(({ message }) => message.id === id)
    open.value = open.value.filter((one) => one !== question)
    return question
  }

  async function load(): Promise<void> {
    const page = await api<Page<QuestionAsked>>(at).catch(() => null)
    if (!page) return
    open.value = queued([], page.items)
    earlier.value = page.next
  }

  async function loadEarlier(): Promise<void> {
    const page = await api<Page<QuestionAsked>>(at, { query: { before: earlier.value } }).catch(tellProblem)
    if (!page) return
    open.value = queued(open.value, page.items)
    earlier.value = page.next
  }

  const isOpen = (id: string): boolean => open.value.some(({ message }) => message.id === id)

  /** Said in the room and quoted; whoever asked is told. False, and the question is back, when it could not be said. */
  async function answer({ id }: ChatLine, text: string): Promise<boolean> {
    const question = take(id)
    try {
      await api(`${at}/${id}/answers`, { body: { text }, key: newKey() })
      return true
    } catch (reason) {
      const settled = reason instanceof ApiProblem && reason.slug === 'already-settled'
      if (question && !settled) put(question)
      tellProblem(reason)
      return false
    }
  }

  async function putAside({ id, name }: ChatLine): Promise<void> {
    const question = take(id)
    const done = await optimistic(() => api(`${at}/${id}/put-aside`, { method: 'POST' }), () => question && put(question))
    if (done) tellUndo(t('asked.putAside', { name }), () => void reopen(id, question))
  }

  async function reopen(id: string, question: Question | undefined): Promise<void> {
    if (question) put(question)
    await optimistic(() => undoLatest(roomId, 'put_aside', id), () => take(id))
  }

  return { questions, earlier, isOpen, answer, putAside, loadEarlier }
}

export type Questions = ReturnType<typeof useQuestions>
