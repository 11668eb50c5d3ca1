import { api } from '@/shared/api'
import type { RoomRow } from '@/shared/console/types'
import type { Order, Page, Product, Store } from '@/shared/types'

export interface Found {
  stores: Store[]
  products: Product[]
  rooms: RoomRow[]
  hasSale: boolean
  recent: Page<Order>
  toShip: Page<Order>
  toPickUp: Page<Order>
}

export async function loadOverview(): Promise<Found> {
  const [stores, products, rooms, recent, toShip, toPickUp] = await Promise.all([
    api<Page<Store>>('/api/stores'),
    api<Page<Product>>('/api/products'),
    api<Page<RoomRow>>('/api/rooms'),
    api<Page<Order>>('/api/orders'),
    api<Page<Order>>('/api/orders', { query: { fulfilment: 'to_ship' } }),
    api<Page<Order>>('/api/orders', { query: { fulfilment: 'to_pick_up' } }),
  ])
  return {
    stores: stores.items,
    products: products.items,
    rooms: rooms.items,
    hasSale: await anySale(rooms.items, recent.items),
    recent,
    toShip,
    toPickUp,
  }
}

/** Only asked while it teaches something: an order shows as well that selling works. */
async function anySale(rooms: RoomRow[], orders: Order[]): Promise<boolean> {
  const room = rooms[0]
  if (orders.length || !room) return orders.length > 0
  return (await api<unknown[]>(`/api/rooms/${room.id}/flash-sales`).catch(() => [])).length > 0
}

export interface Step { key: 'store' | 'product' | 'room' | 'sale' | 'live'; done: boolean; href: string }

/** What a new shop does before its first show, in order. */
export function stepsOf(found: Found): Step[] {
  const room = found.rooms.find((one) => one.state !== 'ended') ?? found.rooms[0]
  const control = room ? `/control/${room.id}` : '/hq#/rooms'
  const wasLive = found.rooms.some((one) => one.started_at !== null)
  return [
    { key: 'store', done: found.stores.length > 0, href: '/hq#/stores' },
    { key: 'product', done: found.products.length > 0, href: '/hq#/products' },
    { key: 'room', done: found.rooms.length > 0, href: '/hq#/rooms' },
    { key: 'sale', done: found.hasSale, href: control },
    { key: 'live', done: wasLive, href: control },
  ]
}
