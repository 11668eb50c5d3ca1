import { ref, type Ref } from 'vue'
import { api } from '@/shared/api'
import { tellProblem } from '@/shared/console/tell'
import type { RoomInfo, RoomState } from '@/shared/room-client'

export type StageAction = 'warm' | 'start' | 'pause' | 'resume' | 'end'

/** What may be done next in each state; the first is the one to offer. */
export const nextActions: Record<RoomState, StageAction[]> = {
  planned: ['start', 'warm'],
  warming: ['start'],
  live: ['pause', 'end'],
  paused: ['resume', 'end'],
  ended: [],
}

export function useStage(roomId: string, info: Ref<RoomInfo | null>) {
  const underWay = ref<StageAction | null>(null)

  async function send(action: StageAction): Promise<void> {
    const room = await api<{ state?: RoomState; started_at?: string | null }>(`/api/rooms/${roomId}/state`, { body: { action } })
    if (!info.value || !room?.state) return
    info.value.state = room.state
    info.value.started_at = room.started_at ?? info.value.started_at
  }

  /** True when the room has moved on. */
  async function act(action: StageAction): Promise<boolean> {
    if (underWay.value) return false
    underWay.value = action
    try {
      await send(action)
      return true
    } catch (reason) {
      tellProblem(reason)
      return false
    } finally {
      underWay.value = null
    }
  }

  return { underWay, act }
}

export type Stage = ReturnType<typeof useStage>
