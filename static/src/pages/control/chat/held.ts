import { useI18n } from 'vue-i18n'
import { api } from '@/shared/api'
import { tellProblem, tellUndo } from '@/shared/console/tell'
import { useHeldLines, type HeldLines } from '@/shared/held'
import type { RoomClient } from '@/shared/room-client'

export function useHeld(roomId: string, client: RoomClient): HeldLines {
  const { t } = useI18n()
  return useHeldLines(roomId, client, {
    call: api,
    failed: tellProblem,
    decided({ name }, shown, takeBack) {
      if (shown) tellUndo(t('held.approved', { name }), takeBack)
      else tellUndo(t('held.refusedOf', { name }), takeBack, t('held.showAfterAll'))
    },
  })
}
