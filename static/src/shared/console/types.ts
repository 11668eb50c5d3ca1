import type { components } from '../openapi'
import type { Account, Audience, Card, Order, Product, RoomFigures, RoomState, Sale, Shows, StaffRole, Store } from '../types'

type Schemas = components['schemas']

/** Shapes that only staff see. */
export interface RoomRow {
  id: string
  title: string
  state: RoomState
  audience: Audience
  kind: string
  store: { store_id: string; name: string } | null
  /** Null for a store's own room. */
  reach: ReachView | null
  host: { name: string } | null
  demo: boolean
  created_at: string
  started_at: string | null
  ended_at: string | null
  here: number
}

/** Which stores a room of headquarters is for, as it is chosen. */
export type Reach = Required<Schemas['Reach']>
export type ReachView = Schemas['ReachView']
/** How a store carries a room of headquarters. */
export type Carrying = Schemas['CarryingView']
export type CarriedProduct = Schemas['CarriedProduct']
export type StoreRoom = Schemas['StoreRoom']
export type Readiness = Schemas['Readiness']

export interface StaffRoom extends RoomRow {
  shows: Shows
  session_template_id: string | null
  pinned: Card | null
  beside: Card[]
  shelf: Card[]
  sales: Sale[]
}

/** What there is to make a session from: built-in kinds, and templates, the one used last in front. */
export type SessionKind = Schemas['KindView']
export type SessionTemplate = Schemas['TemplateView']
export interface SessionChoice { kinds: SessionKind[]; items: SessionTemplate[] }

export interface MemberRow {
  member_id: string
  name: string
  phone: string | null
  guest: boolean
  created_at: string
}

export interface TimelineItem {
  id: string
  kind: string
  at: string
  room_id: string | null
  store_id: string | null
  data: Record<string, unknown>
}

interface Named { store_id?: string; account_id?: string; name: string }

export interface Credit {
  credit_id: string
  order_id: string
  store: Named | null
  guide: Named | null
  amount_minor: number
  reversed_minor: number
  net_minor: number
  rule: string
  standing: boolean
  at: string
}

export interface Arrival {
  arrival_id: string
  member_id: string
  name: string
  room_id: string
  guide: Named | null
  orders: number
  amount_minor: number
  tags: string[]
  favourite: string | null
  at: string
}

/** Customers who are in a room now: `count` of them, the last to come in `items`. */
export interface Present {
  count: number
  items: Arrival[]
}

export interface BoardFigures {
  visits: number
  orders: number
  amount_minor: number
  reversed_minor: number
  net_minor: number
}

export interface StoreBoard {
  store: { store_id: string; name: string }
  guides: (BoardFigures & { rank: number; guide: { account_id: string; name: string } })[]
  unguided: BoardFigures
  totals: BoardFigures
}

export interface GuidePage {
  store: { store_id: string; name: string } | null
  guide: { account_id: string; name: string }
  arrivals: Arrival[]
  credits: Credit[]
  orders: Order[]
  totals: { visits: number; orders: number; amount_minor: number; credited_minor: number }
}

export interface StaffAccount extends Omit<Account, 'role'> {
  role: Role
  disabled: boolean
  created_at: string
}
export type JoinRequest = Schemas['JoinRequestView']
export type JoinRequests = Schemas['JoinRequests']
export type Region = Schemas['RegionView']
export type Role = StaffRole | 'moderator' | 'finance' | 'read_only'

export interface RoomReport extends RoomFigures {
  started_at: string | null
  ended_at: string | null
  products: { product_id: string; title: string; image: string | null; quantity: number; amount_minor: number }[]
  guides: { guide_id: string; name: string; store: string | null; orders: number; amount_minor: number }[]
}

/** What became of a list's rows; each that was not taken has its problem named. */
export interface RowReport {
  rows: number
  problems: { row: number; column: string; message: string }[]
}
export interface ImportReport extends RowReport {
  created: number
  updated: number
  unchanged: number
}

/** Work that goes on behind the page. `problem` says why it failed, as a problem document. */
export type Job = Omit<Schemas['JobView'], 'problem'> & { problem: ({ slug: string } & Record<string, unknown>) | null }

export type { Account, Order, Product, StaffRole, Store }
