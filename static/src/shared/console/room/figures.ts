import { computed, onScopeDispose, ref, type Ref } from 'vue'
import { api } from '@/shared/api'
import { useTimer } from '@/shared/console/loading'
import type { RoomClient } from '@/shared/room-client'
import type { RoomFigures } from '@/shared/types'

const readEveryMs = 10_000
/** The server's figures may be a second old: read sooner, they might lack what just happened. */
const readAfterMs = 1_200

/**
 * The room's figures. A sale has them read again rather than added to: an order that was counted already when its fact
 * comes would count twice.
 */
export function useFigures(roomId: string, client: RoomClient, here: Ref<number>) {
  const figures = ref<RoomFigures | null>(null)
  let round = 0
  let soon: ReturnType<typeof setTimeout> | undefined

  async function load(): Promise<void> {
    const asked = ++round
    const answer = await api<RoomFigures>(`/api/rooms/${roomId}/figures`).catch(() => null)
    if (answer && asked === round) figures.value = answer
  }

  function loadSoon(): void {
    soon ??= setTimeout(() => {
      soon = undefined
      void load()
    }, readAfterMs)
  }

  for (const kind of ['order.paid', 'order.refunded'] as const) client.onFact('control', kind, loadSoon)
  for (const kind of ['tip.given', 'sale.opened', 'sale.closed', 'room.pinned', 'room.state'] as const) client.onFact('room', kind, loadSoon)
  useTimer(readEveryMs, load)
  onScopeDispose(() => clearTimeout(soon))

  const minutes = computed(() => figures.value?.minutes ?? [])
  const peak = computed(() => Math.max(figures.value?.peak ?? 0, here.value))
  return { figures, minutes, peak, load }
}

export type Figures = ReturnType<typeof useFigures>
