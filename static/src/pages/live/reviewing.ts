import { useI18n } from 'vue-i18n'
import { asMember } from '@/shared/api'
import { useHeldLines, type HeldLines } from '@/shared/held'
import type { LiveRoom } from './room'
import { toastProblem, toastAct } from './toast'

/** What waits for whoever helps in the room. */
export function useReviewing(room: LiveRoom): HeldLines {
  const { t } = useI18n()
  const lines = useHeldLines(room.id, room.client, {
    call: asMember,
    failed: toastProblem,
    decided({ name }, shown, takeBack) {
      if (shown) toastAct(t('review.let', { name }), t('chat.undo'), takeBack)
      else toastAct(t('review.refused', { name }), t('review.after_all'), takeBack)
    },
  })
  void lines.load()
  return lines
}
