import type { Card, RoomInfo, Sale } from './room-client/wire'

/** Shapes of the HTTP answers. Times are ISO 8601 UTC, money is in fen. */
export * from './room-client/wire'

export type StaffRole = 'owner' | 'operator' | 'host' | 'manager' | 'guide'

export type PublicRoom = RoomInfo & {
  brand: { name: string } | null
  whep_url: string
  pinned: Card | null
  shelf: Card[]
  sales: Sale[]
}

export type OrderStatus = 'awaiting_payment' | 'paid' | 'expired' | 'cancelled' | 'closed'
export type Fulfilment = 'none' | 'to_ship' | 'shipped' | 'to_pick_up' | 'picked_up' | 'done'
export interface OrderLine { sku_id: string; title: string; image: string | null; quantity: number; price_minor: number }
export type Delivery =
  | { method: 'delivery'; name: string; phone: string; address: string; carrier?: string | null; tracking_number?: string | null }
  | { method: 'pick_up'; store_id: string; store_name?: string; store_address?: string }
  | { method: null }
export interface Order {
  order_id: string
  number: string
  status: OrderStatus
  fulfilment: Fulfilment
  amount_minor: number
  paid_minor: number
  refunded_minor: number
  refund_due_minor: number
  pay_by: string | null
  paid_at: string | null
  created_at: string
  lines: OrderLine[]
  room_id: string | null
  sale_id: string | null
  store: { store_id: string; name: string } | null
  guide: { account_id: string; name: string } | null
  delivery: Delivery | null
  /** The buyer's own view only. */
  pick_up_code: string | null
  /** Staff's view only. */
  member: { member_id: string; name: string; phone?: string | null } | null
  history: { kind: string; at: string; note: string | null }[]
}
export interface Page<T> { items: T[]; next: string | null }

export interface Wallet { balance_minor: number; entries: { kind?: string; amount_minor: number; at: string }[] }
export interface Invitation { code: string; url: string; qr_url: string; poster_url: string }
/** Answer to a claim or an order. */
export interface Placed { hold_id: string; order_id: string; pay_by: string; amount_minor: number }
export interface Payment { payment_id: string; cashier_url: string }
export interface SandboxPayment {
  payment_id: string
  amount_minor: number
  status: string
  title: string
  return_url: string
}
export interface Store { store_id: string; name: string; code: string; region: string | null; address: string | null }
export interface Me { member_id: string; name: string; phone: string | null; guest: boolean }
export interface Account {
  account_id: string
  name: string
  login: string
  role: StaffRole
  brand: { brand_id: string; name: string } | null
  store: { store_id: string; name: string } | null
}
export interface ProductSku {
  sku_id: string
  title: string
  price_minor: number
  was_minor?: number | null
  code?: string
  stock?: number
  free?: number
}
export interface Product { product_id: string; title: string; description: string; image: string | null; skus: ProductSku[] }
export interface MinuteFigures { at: string; watching: number; comments: number; orders: number; amount_minor: number }
export interface RoomFigures {
  watching: number
  peak: number
  visits: number
  likes: number
  comments: number
  orders_held: number
  orders_paid: number
  amount_minor: number
  refunded_minor: number
  tips_minor: number
  minutes: MinuteFigures[]
  marks: { at: string; kind: string; label: string }[]
  stores: { store_id: string; name: string; amount_minor: number; orders: number }[]
}
