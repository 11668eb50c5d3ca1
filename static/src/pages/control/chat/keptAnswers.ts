import { ref } from 'vue'
import { withAnswer, type About } from './answers'

const shelf = 'showfloor.answers'
type Kept = Partial<Record<About, string[]>>

function read(): Kept {
  try {
    return (JSON.parse(localStorage.getItem(shelf) ?? '{}') as Kept | null) ?? {}
  } catch {
    return {}
  }
}

/** This browser's own answers, kept from show to show. */
export function useKeptAnswers() {
  const kept = ref<Kept>(read())

  function keep(about: About, text: string): void {
    kept.value = withAnswer(kept.value, about, text)
    try {
      localStorage.setItem(shelf, JSON.stringify(kept.value))
    } catch {
      // Refused storage: they last for this page.
    }
  }

  return { kept, keep }
}
