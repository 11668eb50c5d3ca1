import { ref } from 'vue'
import { api } from '@/shared/api'
import type { ControlOrder, RoomClient } from '@/shared/room-client'
import type { Order, Page } from '@/shared/types'

export interface OrderRow extends ControlOrder {
  id: string
  kind: 'held' | 'paid' | 'refunded'
  at: string
}
export interface GiftRow {
  id: string
  kind: 'gift'
  name: string
  icon: string
  gift: string
  quantity: number
  amount_minor: number
  at: string
}
export type TickerRow = OrderRow | GiftRow

const mostKept = 120

/** Orders and gifts, newest first. An order's row moves on with it: held, then paid. */
export function useTicker(roomId: string, client: RoomClient) {
  const rows = ref<TickerRow[]>([])

  function put(row: TickerRow): void {
    rows.value = [row, ...rows.value.filter((one) => one.id !== row.id)].slice(0, mostKept)
  }

  const order = (kind: OrderRow['kind']) => (data: ControlOrder) =>
    put({ ...data, id: kind === 'refunded' ? `${data.order_id}-refund` : data.order_id, kind, at: new Date().toISOString() })

  client.onFact('control', 'order.held', order('held'))
  client.onFact('control', 'order.paid', order('paid'))
  client.onFact('control', 'order.refunded', order('refunded'))
  client.onFact('room', 'tip.given', ({ tip_id, name, gift, quantity, amount_minor }) =>
    put({ id: tip_id, kind: 'gift', name, icon: gift.icon, gift: gift.name, quantity, amount_minor, at: new Date().toISOString() }),
  )

  /** What was sold before this page was opened. */
  async function loadEarlier(): Promise<void> {
    const page = await api<Page<Order>>('/api/orders', { query: { room_id: roomId, status: 'paid' } })
    const known = new Set(rows.value.map((row) => row.id))
    const older = page.items.filter((one) => !known.has(one.order_id)).map(rowOf)
    rows.value = [...rows.value, ...older].slice(0, mostKept)
  }

  return { rows, loadEarlier }
}

export type Ticker = ReturnType<typeof useTicker>

function rowOf(order: Order): OrderRow {
  return {
    id: order.order_id,
    kind: 'paid',
    order_id: order.order_id,
    number: order.number,
    name: order.member?.name ?? '',
    amount_minor: order.amount_minor,
    store: order.store?.name ?? null,
    guide: order.guide?.name ?? null,
    at: order.paid_at ?? order.created_at,
  }
}
