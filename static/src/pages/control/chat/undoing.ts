import { api, ApiProblem } from '@/shared/api'
import type { ModerationAct, Page } from '@/shared/types'

export function undoAct(roomId: string, actId: string): Promise<ModerationAct> {
  return api<ModerationAct>(`/api/rooms/${roomId}/moderation/${actId}/undo`, { method: 'POST' })
}

/** Undoes the latest act of this kind on this target, which the log names. */
export async function undoLatest(roomId: string, act: string, targetId: string): Promise<void> {
  const { items } = await api<Page<ModerationAct>>(`/api/rooms/${roomId}/moderation`)
  const found = items.find((one) => one.act === act && one.target_id === targetId && !one.undone)
  if (!found) throw new ApiProblem('already-undone', 409)
  await undoAct(roomId, found.act_id)
}
