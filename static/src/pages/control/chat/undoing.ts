import { api } from '@/shared/api'
import type { ModerationAct } from '@/shared/types'

export function undoAct(roomId: string, actId: string): Promise<ModerationAct> {
  return api<ModerationAct>(`/api/rooms/${roomId}/moderation/${actId}/undo`, { method: 'POST' })
}
