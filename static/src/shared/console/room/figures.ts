import { computed, ref, type Ref } from 'vue'
import { api } from '@/shared/api'
import { useTimer } from '@/shared/console/loading'
import type { NameOf } from './ticker'
import type { RoomClient } from '@/shared/room-client'
import type { RoomFigures } from '@/shared/types'

const readEveryMs = 10_000

/** The room's figures: read again every ten seconds, moved on at once by each order in between. */
export function useFigures(roomId: string, client: RoomClient, here: Ref<number>, nameOf: NameOf) {
  const figures = ref<RoomFigures | null>(null)
  const failed = ref(false)
  let seen = 0

  async function load(): Promise<void> {
    const before = ++seen
    try {
      const answer = await api<RoomFigures>(`/api/rooms/${roomId}/figures`)
      // An order came while the answer was under way: the next reading has both.
      if (before === seen || !figures.value) figures.value = answer
      failed.value = false
    } catch {
      failed.value = true
    }
  }

  function move(change: (now: RoomFigures) => void): void {
    seen++
    if (figures.value) change(figures.value)
  }

  client.onFact('control', 'order.paid', (order) =>
    move((now) => {
      now.orders_paid++
      now.amount_minor += order.amount_minor
      const store = now.stores.find((one) => one.store_id === order.store_id)
      const name = nameOf(order.store_id)
      if (store) {
        store.orders++
        store.amount_minor += order.amount_minor
      } else if (order.store_id && name) {
        now.stores.push({ store_id: order.store_id, name, orders: 1, amount_minor: order.amount_minor })
      }
    }),
  )
  client.onFact('control', 'order.refunded', (order) => move((now) => (now.refunded_minor += order.amount_minor)))
  client.onFact('room', 'tip.given', ({ amount_minor }) => move((now) => (now.tips_minor += amount_minor)))
  useTimer(readEveryMs, load)

  const minutes = computed(() => figures.value?.minutes ?? [])
  const peak = computed(() => Math.max(figures.value?.peak ?? 0, here.value))
  return { figures, failed, minutes, peak, load }
}

export type Figures = ReturnType<typeof useFigures>
