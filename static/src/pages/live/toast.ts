import { ref } from 'vue'
import { ApiProblem } from '@/shared/api'
import { say } from '@/shared/i18n'

export const toastText = ref('')
let timer: ReturnType<typeof setTimeout> | undefined

export function toast(text: string): void {
  toastText.value = text
  clearTimeout(timer)
  timer = setTimeout(() => (toastText.value = ''), 2_600)
}

export function toastProblem(reason: unknown): void {
  toast(reason instanceof ApiProblem ? reason.words : say('problem.unknown'))
}
