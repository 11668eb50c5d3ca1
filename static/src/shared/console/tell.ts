import { ElMessage } from 'element-plus'
import 'element-plus/es/components/message/style/css'
import { h } from 'vue'
import { ApiProblem } from '../api'
import { knows, say } from '../i18n'
import { goToLogin } from './session'

/** Translated words for whatever was thrown. */
export function wordsOf(reason: unknown): string {
  // A room's refusal says in `reason` which of its rules it was.
  if (reason instanceof ApiProblem && typeof reason.data.reason === 'string' && knows(`problem.${reason.data.reason}`)) {
    return say(`problem.${reason.data.reason}`)
  }
  return reason instanceof ApiProblem ? reason.words : say('problem.unknown')
}

export function tellDone(message: string): void {
  ElMessage({ type: 'success', message, duration: 2_500, grouping: true })
}

/** A session that ran out leads to the log-in page; everything else is said in words. */
export function tellProblem(reason: unknown): void {
  if (reason instanceof ApiProblem && reason.status === 401) return goToLogin()
  ElMessage({ type: 'error', message: wordsOf(reason), duration: 5_000, grouping: true, showClose: true })
}

let lastUndo: { close(): void } | null = null

/** What was done can be undone for eight seconds, or until the next such act; `act` where the way back is not simply an undoing. */
export function tellUndo(message: string, undo: () => void, act: string = say('console.undo')): void {
  lastUndo?.close()
  const shown = ElMessage({
    type: 'success',
    duration: 8_000,
    message: h('span', { class: 'undo' }, [
      message,
      h(
        'button',
        {
          type: 'button',
          class: 'undo__act',
          'data-test': 'undo',
          onClick: () => {
            shown.close()
            undo()
          },
        },
        act,
      ),
    ]),
  })
  lastUndo = shown
}
