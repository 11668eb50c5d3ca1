import { shallowRef } from 'vue'
import { ApiProblem } from '@/shared/api'
import { say } from '@/shared/i18n'

export interface Toasted { text: string; act: { words: string; run: () => void } | null }

export const toasted = shallowRef<Toasted | null>(null)
let timer: ReturnType<typeof setTimeout> | undefined

function put(next: Toasted, ms: number): void {
  toasted.value = next
  clearTimeout(timer)
  timer = setTimeout(() => (toasted.value = null), ms)
}

export function toast(text: string): void {
  put({ text, act: null }, 2_600)
}

/** What happened, with a button for what can be done about it. */
export function toastAct(text: string, words: string, act: () => void): void {
  const run = (): void => {
    toasted.value = null
    act()
  }
  put({ text, act: { words, run } }, 6_000)
}

export function toastProblem(reason: unknown): void {
  toast(reason instanceof ApiProblem ? reason.words : say('problem.unknown'))
}
