import { onMounted, onScopeDispose, ref, watch } from 'vue'
import { useI18n } from 'vue-i18n'
import { api } from '@/shared/api'
import { usePaged } from '@/shared/console/loading'
import { tellDone, tellProblem, tellUndo } from '@/shared/console/tell'
import type { Word, WordEffect } from '@/shared/types'

const typedForMs = 250

type Rule = Pick<Word, 'pattern' | 'effect' | 'by_sound'>

/** The brand's sensitive words, or one room's own. */
export function useWordBook(roomId: string | null) {
  const { t } = useI18n()
  const query = ref('')
  /** What the list on show was searched for. */
  const searched = ref('')
  /** Rises with each change of the list. */
  const changes = ref(0)
  const words = usePaged<Word>(() => '/api/words', () => ({ room_id: roomId, q: query.value.trim() }))

  async function search(): Promise<void> {
    const wanted = query.value
    await words.load()
    if (wanted === query.value) searched.value = wanted
  }

  let typing: ReturnType<typeof setTimeout> | undefined
  watch(query, (wanted) => {
    clearTimeout(typing)
    typing = setTimeout(search, wanted ? typedForMs : 0)
  })
  onMounted(search)
  onScopeDispose(() => clearTimeout(typing))

  const keep = ({ pattern, effect, by_sound }: Rule): Promise<Word> => api<Word>('/api/words', { body: { pattern, effect, by_sound, room_id: roomId } })

  function put(word: Word): void {
    const at = words.items.value.findIndex((one) => one.id === word.id)
    if (at >= 0) words.items.value.splice(at, 1, word)
    else words.items.value = [word, ...words.items.value]
    changes.value++
  }

  /** Throws: the form says what is wrong. */
  async function add(rule: Rule): Promise<void> {
    const word = await keep(rule)
    put(word)
    query.value = ''
    tellDone(t('words.added', { word: word.pattern }))
  }

  async function change(word: Word, to: { effect?: WordEffect; by_sound?: boolean }): Promise<void> {
    put({ ...word, ...to })
    try {
      put(await keep({ ...word, ...to }))
    } catch (reason) {
      put(word)
      tellProblem(reason)
    }
  }

  async function remove(word: Word): Promise<void> {
    const was = words.items.value
    words.items.value = was.filter((one) => one.id !== word.id)
    try {
      await api(`/api/words/${word.id}`, { method: 'DELETE' })
      changes.value++
      tellUndo(t('words.removed', { word: word.pattern }), () => void keep(word).then(put).catch(tellProblem))
    } catch (reason) {
      words.items.value = was
      tellProblem(reason)
    }
  }

  function imported(): void {
    changes.value++
    void search()
  }

  return { ...words, query, searched, changes, search, add, change, remove, imported }
}
