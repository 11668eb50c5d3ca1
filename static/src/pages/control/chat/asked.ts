import { computed, onScopeDispose, ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { api, ApiProblem, newKey } from '@/shared/api'
import { tellProblem, tellUndo } from '@/shared/console/tell'
import type { RoomClient } from '@/shared/room-client'
import type { Page, QuestionAsked } from '@/shared/types'
import { firstPage, joined, queued, type Question } from './lines'
import { optimistic } from './optimistic'
import { undoAct } from './undoing'

/** A fact may come before or after the list that counts it already: what a group has come to is read again. */
const readAfterMs = 1_500

/** The room's open questions, those that ask the same as one; whoever asked first is first. */
export function useQuestions(roomId: string, client: RoomClient) {
  const { t } = useI18n()
  const open = ref<Question[]>([])
  /** Groups that are being settled here. */
  const settling = ref(new Set<string>())
  /** Lines that were deleted. */
  const gone = ref(new Set<string>())
  const earlier = ref<string | null>(null)
  const groupOf = new Map<string, string>()
  const at = `/api/rooms/${roomId}/questions`
  const questions = computed(() => open.value.filter(({ group, message }) => !settling.value.has(group) && !gone.value.has(message.id)))

  client.on('welcome', ({ resumed }) => void (resumed.moderation || load()))
  client.onFact('moderation', 'question.asked', (line) => {
    const known = open.value.find(({ group }) => group === line.group)
    groupOf.set(line.message.id, line.group)
    if (known?.message.id === line.message.id) return
    put(known ? joined(known, line.message) : { ...line, count: 1, names: [line.message.name] })
    if (known) readSoon()
  })
  client.onFact('moderation', 'question.settled', ({ message_ids }) => {
    const settled = new Set(message_ids)
    open.value = open.value.filter(({ group, message }) => !settled.has(group) && !settled.has(message.id))
  })
  client.onFact('room', 'chat.deleted', ({ message_id }) => {
    gone.value.add(message_id)
    if (isOpen(message_id)) readSoon()
  })
  client.onFact('room', 'chat.restored', ({ message }) => {
    gone.value.delete(message.id)
    if (groupOf.has(message.id)) readSoon()
  })

  function put(question: Question): void {
    open.value = queued(open.value, [question])
  }

  async function load(): Promise<void> {
    const page = await api<Page<QuestionAsked>>(at).catch(() => null)
    if (!page) return
    open.value = firstPage(open.value, page)
    earlier.value ??= page.next
    remember(page.items)
  }

  async function loadEarlier(): Promise<void> {
    const page = await api<Page<QuestionAsked>>(at, { query: { before: earlier.value } }).catch(tellProblem)
    if (!page) return
    open.value = queued(open.value, page.items)
    earlier.value = page.next
    remember(page.items)
  }

  function remember(items: readonly Question[]): void {
    for (const { group, message } of items) groupOf.set(message.id, group)
  }

  let soon: ReturnType<typeof setTimeout> | undefined
  function readSoon(): void {
    soon ??= setTimeout(() => {
      soon = undefined
      void load()
    }, readAfterMs)
  }
  onScopeDispose(() => clearTimeout(soon))

  /** Whether an answer to this line settles a question. */
  const isOpen = (id: string): boolean => open.value.some(({ group }) => group === groupOf.get(id))

  /** Said in the room and quoted; whoever asked is told. False, and the question is back, when it could not be said. */
  async function answer(id: string, text: string): Promise<boolean> {
    const group = groupOf.get(id) ?? id
    settling.value.add(group)
    try {
      await api(`${at}/${id}/answers`, { body: { text }, key: newKey() })
      drop(group)
      return true
    } catch (reason) {
      if (reason instanceof ApiProblem && reason.slug === 'already-settled') drop(group)
      tellProblem(reason)
      return false
    } finally {
      settling.value.delete(group)
    }
  }

  function drop(group: string): void {
    open.value = open.value.filter((one) => one.group !== group)
  }

  async function putAside(question: Question): Promise<void> {
    const { group, message, count } = question
    settling.value.add(group)
    try {
      const { act_id } = await api<{ act_id: string | null }>(`${at}/${message.id}/put-aside`, { method: 'POST' })
      drop(group)
      const said = count > 1 ? t('asked.putAsideAll', { n: count }) : t('asked.putAside', { name: message.name })
      if (act_id) tellUndo(said, () => void reopen(act_id, question))
    } catch (reason) {
      tellProblem(reason)
    } finally {
      settling.value.delete(group)
    }
  }

  async function reopen(actId: string, question: Question): Promise<void> {
    put(question)
    await optimistic(() => undoAct(roomId, actId), () => drop(question.group))
  }

  return { questions, earlier, isOpen, answer, putAside, loadEarlier }
}

export type Questions = ReturnType<typeof useQuestions>
