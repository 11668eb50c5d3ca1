/** What the room's WebSocket carries. Times are ISO 8601 UTC, money is in minor units (fen). */
export type RoomState = 'planned' | 'warming' | 'live' | 'paused' | 'ended'
export type Audience = 'public' | 'invited' | 'members' | 'staff'
export interface Sku { sku_id: string; title: string; price_minor: number; free: number }
export interface Card {
  product_id: string
  title: string
  image: string | null
  price_minor: number
  was_minor: number | null
  skus: Sku[]
  position: number
}
/** The first `units` go at `price_minor`, `left` of them are not taken yet; those after them at `then_minor`. */
export interface FirstUnits { units: number; price_minor: number; then_minor: number; left: number }
/** `price_minor` is the price of now. A gift comes by `per_unit` with each unit that is bought. */
export interface SaleLine {
  sku_id: string
  product_id: string
  title: string
  image: string | null
  price_minor: number
  was_minor: number | null
  total: number
  free: number
  held: number
  sold: number
  gift: boolean
  per_unit: number
  first: FirstUnits | null
}
export type SaleKind = 'flash_price' | 'first_n' | 'price_drop' | 'bundle'
/** `waiting`: how many stand in line for units that come back, when this was made. */
export interface Sale {
  sale_id: string
  title: string
  kind: SaleKind
  state: 'scheduled' | 'open' | 'closed'
  opens_at: string | null
  ends_at: string | null
  limit_per_buyer: number
  hold_seconds: number
  waiting: number
  lines: SaleLine[]
}
export interface Hold {
  hold_id: string
  order_id: string
  sale_id: string | null
  quantity: number
  amount_minor: number
  pay_by: string
}
export interface Gift { gift_id: string; name: string; icon: string; price_minor: number }
export interface RoomInfo {
  id: string
  title: string
  state: RoomState
  audience: Audience
  host: { name: string } | null
  demo: boolean
  /** What the session is for. */
  kind: string
  shows: Shows
  started_at: string | null
}
/** What the room's pages show, first things first. `asks`: questions are what it is for. */
export interface Shows { shelf: boolean; asks: boolean; figures: string[]; panels: string[] }
/** `pinned` is in front; `beside` it are up to two more, the newest first. */
export interface Snapshot {
  room: RoomInfo
  pinned: Card | null
  beside: Card[]
  shelf: Card[]
  sales: Sale[]
  holds: Hold[]
  here: number
  likes: number
  gifts: Gift[]
  pinned_line: ChatLine | null
  chat: ChatSetting
}
/** `slow_s`: seconds between two lines of one viewer, 0 for as they like. */
export interface ChatSetting { pre_review: boolean; links: boolean; slow_s: number }

/** Facts of the room topic, by kind. */
export interface RoomFacts {
  'room.state': { state: RoomState; at: string }
  /** All that is pinned now: `card` in front, `beside` it up to two more, the newest first. */
  'room.pinned': { card: Card | null; beside: Card[] }
  'room.renamed': { title: string }
  'room.audience': { audience: Audience }
  'shelf.changed': { shelf: Card[] }
  'sale.opened': { sale: Sale }
  'sale.closed': { sale_id: string; reason: string }
  'sale.stock': { sale_id: string; lines: { sku_id: string; free: number; held: number; sold: number; price_minor: number }[] }
  /** The host lowered it from `was_minor`, the usual price or the one that the sale began with. */
  'sale.priced': { sale_id: string; sku_id: string; title: string; price_minor: number; was_minor: number }
  /** One store's viewers read anew what it shows them: `GET /api/rooms/{room}/carried`. */
  'carrying.changed': { store_id: string }
  'order.ticker': { name: string; title: string; quantity: number; at: string }
  'tip.given': { tip_id: string; name: string; gift: { name: string; icon: string }; quantity: number; amount_minor: number }
  'chat.deleted': { message_id: string }
  'chat.restored': { message: ChatLine }
  'chat.pinned': { message: ChatLine | null }
  'chat.setting': ChatSetting
  /** `message_ids`: all that asked the same. */
  'question.answered': { message_id: string; message_ids: string[]; answer: ChatLine }
  'member.muted': { member_id: string; until: string }
  'member.unmuted': { member_id: string }
  'member.expelled': { member_ids: string[] }
  'media.state': { state: 'playing' | 'away' }
}
/** Has one of `text`, `picture` and `product`, and none once it was `recalled`. */
export interface TalkLine {
  number: number
  by: 'member' | 'guide'
  at: string
  recalled: boolean
  text: string | null
  picture: { url: string; width: number; height: number } | null
  product: { product_id: string; title: string; image: string | null; price_minor: number } | null
}

export interface MemberFacts {
  'hold.created': { hold: Hold }
  /** The shop gave this viewer more time, until `pay_by`. */
  'hold.extended': { order_id: string; hold_id: string; pay_by: string }
  'waitlist.promoted': { room_id: string; sale_id: string; order_id: string; title: string; units: number; amount_minor: number; pay_by: string }
  'order.paid': { order_id: string }
  'order.expired': { order_id: string }
  'order.cancelled': { order_id: string }
  'order.refunded': { order_id: string; amount_minor: number }
  'order.fulfilled': { order_id: string }
  'after_sale.moved': { case_id: string; order_id: string; state: string }
  'payment.failed': { payment_id: string; order_id: string | null }
  'wallet.changed': { balance_minor: number }
  muted: { room_id: string; until: string | null }
  'chat.mentioned': { room_id: string; message: ChatLine }
  'chat.shown': { room_id: string; message: ChatLine }
  'chat.refused': { room_id: string; message_id: string }
  moderator: { room_id: string; moderates: boolean }
  /** What a member and their guide say to each other: both hear it on their own topic. */
  'conversation.line': { conversation_id: string; member: string; guide: string; line: TalkLine }
  'conversation.recalled': { conversation_id: string; number: number }
  'conversation.read': { conversation_id: string; by: 'member' | 'guide'; number: number }
  'conversation.receiving': { conversation_id: string; receiving: boolean }
  'conversation.merged': { conversation_id: string; from_id: string }
}
export interface ModerationFacts {
  'chat.held': { message: ChatLine; why: 'pre-review' | 'word'; pattern: string | null }
  'chat.reviewed': { message_id: string; shown: boolean }
  /** `group` is common to open questions that ask the same. */
  'question.asked': { message: ChatLine; about: string; group: string }
  'question.settled': { message_id: string; message_ids: string[]; answer_id: string | null }
  'member.banned': { member_id: string; until: string | null; reason: string }
  'member.unbanned': { member_id: string }
  moderator: { member_id: string; moderates: boolean }
}
interface StoreName { store_id: string; name: string }
interface GuideName { account_id: string; name: string }
export interface ControlFacts {
  'order.held': { order_id: string; number: string; amount_minor: number; name?: string }
  'order.paid': PaidOrder
  'hold.extended': { order_id: string; hold_id: string; sale_id: string | null; number: string; name: string; seconds: number; pay_by: string }
  'order.refunded': { order_id: string; number: string; name: string; amount_minor: number }
  'after_sale.moved': MovedCase
  'viewer.entered': { member_id: string; name: string; store: StoreName | null; guide: GuideName | null; tags: string[] }
  'board.changed': { at: string }
  'media.health': {
    bitrate_kbps: number
    fps: number
    loss: number
    rtt_ms: number
    keyframe_interval_s: number
    viewers: number
    warning: string | null
  }
}
export interface MovedCase { case_id: string; order_id: string; state: string; number: string; name: string; amount_minor: number }
export interface PaidOrder {
  order_id: string
  number: string
  name: string
  amount_minor: number
  title: string
  quantity: number
  store_id: string | null
  guide_id: string | null
  at: string
}
export interface StoreFacts {
  arrival: {
    member_id: string
    name: string
    guide_id: string | null
    room_id: string
    orders: number
    amount_minor: number
    tags: string[]
    at: string
  }
  'credit.earned': { credit_id: string; order_id: string; amount_minor: number; guide: GuideName | null; rule: string; at: string }
  'credit.reversed': {
    credit_id: string
    order_id: string
    amount_minor: number
    reversed_minor: number
    net_minor: number
    guide: GuideName | null
    at: string
  }
  'credit.disputed': { dispute_id: string; number: string; guide: GuideName; at: string }
  'dispute.decided': { dispute_id: string; order_id: string; number: string; granted: boolean; at: string }
  'order.paid': PaidOrder
  'order.refunded': { order_id: string; number: string; name: string; amount_minor: number }
  'after_sale.moved': MovedCase
}
export interface Quoted { id: string; member_id: string; name: string; text: string }
/** `always`: staff's own words, never left out in a busy room. */
export interface ChatLine {
  id: string
  member_id: string
  name: string
  role: string
  text: string
  at: string
  reply_to?: Quoted
  always?: boolean
}
export type Talk = ({ kind: 'chat.said' } & ChatLine) | { kind: 'viewer.joined'; name: string }

type FactsOf<Topic extends string, Kinds> = {
  [Kind in keyof Kinds]: { topic: Topic; kind: Kind; data: Kinds[Kind]; position: string }
}[keyof Kinds]
export interface FactKinds {
  room: RoomFacts
  me: MemberFacts
  control: ControlFacts
  moderation: ModerationFacts
  store: StoreFacts
}
export type Topic = keyof FactKinds
export type Fact = { [T in Topic]: FactsOf<T, FactKinds[T]> }[Topic]

export interface Problem { slug: string; status: number; title?: string; detail?: string; [more: string]: unknown }
export interface You {
  member_id: string | null
  name: string
  role: string
  muted_until: string | null
  /** A viewer who helps: may delete viewers' lines, let held ones go, and mute. */
  moderates?: boolean
}

export interface Welcome {
  type: 'welcome'
  v: 1
  session: string
  you: You
  positions: Partial<Record<Topic, string>>
  resumed: Partial<Record<Topic, boolean>>
  snapshot: Snapshot | null
  talk: Talk[]
}
export interface Batch {
  type: 'batch'
  topic: Topic
  position: string
  facts?: { o: number; kind: string; data: unknown }[]
  talk?: Talk[]
  here?: number
  likes?: number
}
export type ServerFrame =
  | Welcome
  | Batch
  /** `line` is the writer's own line as others see it: a busy room samples talk, but never for its writer. */
  | { type: 'ack'; ref: string; id: string; line?: Talk }
  | { type: 'problem'; ref?: string; problem: Problem }
  | { type: 'pong' }
export type ClientFrame =
  | { type: 'hello'; v: 1; positions: Partial<Record<Topic, string>>; invite?: string; device?: string }
  | { type: 'say'; ref: string; text: string; reply_to?: string }
  | { type: 'like'; count: number }
  | { type: 'ping' }
