import { ref } from 'vue'
import { api } from '@/shared/api'
import type { RoomClient } from '@/shared/room-client'
import { serverNow } from '@/shared/time'
import type { Order, Page } from '@/shared/types'

export interface OrderRow {
  id: string
  kind: 'held' | 'paid' | 'refunded'
  number: string
  name: string
  title: string
  quantity: number
  amount_minor: number
  store: string | null
  guide: string | null
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

export type NameOf = (id: string | null) => string | null

/** Orders and gifts, newest first. An order's row moves on with it: held, then paid. */
export function useTicker(roomId: string, client: RoomClient, nameOf: NameOf) {
  const rows = ref<TickerRow[]>([])

  function put(row: TickerRow): void {
    rows.value = [row, ...rows.value.filter((one) => one.id !== row.id)].slice(0, mostKept)
  }

  const now = (): string => new Date(serverNow()).toISOString()
  const bare = { name: '', title: '', quantity: 1, store: null, guide: null }

  client.onFact('control', 'order.held', (order) => put({ ...bare, ...order, id: order.order_id, kind: 'held', at: now() }))
  client.onFact('control', 'order.refunded', (order) => put({ ...bare, ...order, id: `${order.order_id}-refund`, kind: 'refunded', at: now() }))
  client.onFact('control', 'order.paid', (order) =>
    put({ ...order, id: order.order_id, kind: 'paid', store: nameOf(order.store_id), guide: nameOf(order.guide_id) }),
  )
  client.onFact('room', 'tip.given', ({ tip_id, name, gift, quantity, amount_minor }) =>
    put({ id: tip_id, kind: 'gift', name, icon: gift.icon, gift: gift.name, quantity, amount_minor, at: now() }),
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
    number: order.number,
    name: order.member?.name ?? '',
    title: order.lines[0]?.title ?? '',
    quantity: order.lines.reduce((sum, line) => sum + line.quantity, 0),
    amount_minor: order.amount_minor,
    store: order.store?.name ?? null,
    guide: order.guide?.name ?? null,
    at: order.paid_at ?? order.created_at,
  }
}
