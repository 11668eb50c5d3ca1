import type { components } from './openapi'
import type { Card, ChatLine, ChatSetting, Gift, Quoted, RoomInfo, Sale } from './room-client/wire'

/** Shapes of the HTTP answers, made from the server's OpenAPI document. Times are ISO 8601 UTC, money is in fen. */
export * from './room-client/wire'

type Schemas = components['schemas']
/** A schema with some of its fields known more exactly than OpenAPI says. */
type Narrow<Base, Fields extends { [Field in keyof Fields]: Field extends keyof Base ? unknown : never }> = Omit<Base, keyof Fields> & Fields

export interface Page<T> { items: T[]; next: string | null }

export type StaffRole = 'owner' | 'operator' | 'host' | 'manager' | 'guide' | 'distributor' | 'group_owner'
export type Account = Narrow<Schemas['AccountView'], { role: StaffRole }>
export type Store = Schemas['stores_routes_StoreView']
/** A store where an order may be picked up. */
export type PickUpAt = Schemas['PickUpAt']
/** What the store that carries a viewer shows them. */
export type Carried = Required<Schemas['CarriedView']>

/** `stock` is sent when a product is made; `free` comes on a room's shelf. */
export type ProductSku = Omit<Schemas['SkuView'], 'code' | 'was_minor'> & Partial<Schemas['SkuView']> & { stock?: number; free?: number }
export type Product = Narrow<Schemas['ProductView'], { skus: ProductSku[] }>

/** Units of one SKU in one pool. */
export type StockPool = Schemas['PoolNow']

export type PublicRoom = Narrow<
  Schemas['PublicRoom'],
  { state: RoomInfo['state']; shows: RoomInfo['shows']; audience: RoomInfo['audience']; sales: Sale[]; shelf: Card[]; pinned: Card | null; beside: Card[] }
>
export type MinuteFigures = Schemas['Minute']
/** A sale's stock proof. */
export type Proof = Schemas['Proof']
export type RoomFigures = Schemas['RoomFigures']

export type OrderStatus = 'awaiting_payment' | 'paid' | 'expired' | 'cancelled' | 'closed'
export type Fulfilment = 'none' | 'to_ship' | 'shipped' | 'to_pick_up' | 'picked_up' | 'done'
export type OrderLine = Narrow<Schemas['LineView'], { image: string | null }>
export type Delivery =
  | { method: 'delivery'; name: string; phone: string; address: string; carrier?: string | null; tracking_number?: string | null }
  | { method: 'pick_up'; store_id: string; store_name?: string; store_address?: string }
  | { method: null }
/** `pick_up_code` is the buyer's alone, `member` is for staff. */
export type Order = Narrow<
  Schemas['OrderView'],
  { status: OrderStatus; fulfilment: Fulfilment; lines: OrderLine[]; delivery: Delivery | null }
>
export type OrderStep = Schemas['StepView']
export type Address = Schemas['AddressView']
export type CaseState = 'asked' | 'agreed' | 'sent_back' | 'refunded' | 'refused' | 'withdrawn' | 'lapsed'
/** A buyer who wants the money back. */
export type AfterSale = Narrow<Schemas['CaseView'], { state: CaseState; kind: 'refund_only' | 'return_refund' }>
export type PackingList = Schemas['PackingList']
export type BasketLine = Schemas['BasketLine']
export type Basket = Schemas['Basket']
/** In the waitlist of a sale. */
export type Place = Schemas['flash_sales_waiting_Place']
/** A buyer who holds units of a sale and has not paid yet, as staff see them. */
export type WaitingHold = Schemas['WaitingHold']
/** Answer to a claim or an order. */
export type Placed = Schemas['Placed']
export type Payment = Schemas['Started']
export type PaymentOffers = Schemas['Offers']
export type WeChatVisit = Schemas['WayOut']
export type SandboxPayment = Schemas['CashierPage']
/** A payment as its buyer sees it. */
export type OwnPayment = Schemas['PaymentView']
export type Refund = Schemas['RefundView']
export type Reconciliation = Schemas['ReconciliationView']
export type ReconciliationDetail = Schemas['ReconciliationDetail']

export type Me = Schemas['Me']
export type Wallet = Schemas['WalletPage']
export type Gifts = Schemas['Gifts']
export type Invitation = Schemas['InvitationMade']
export type InvitationShown = Schemas['Invitation']
export type TouchTaken = Schemas['TouchTaken']
/** A product whose code stands on a store's shelf. */
export type ShelfProduct = Schemas['ShelfProduct']
export type ShelfCode = Schemas['ShelfCodeMade']

/** A line that was kept, as whoever moderates reads it. */
export type KeptLine = Narrow<Schemas['MessageView'], { state: 'shown' | 'waiting' | 'refused'; why: 'pre-review' | 'word' | null }>
export type QuestionAsked = Narrow<Schemas['QuestionView'], { message: ChatLine }>
export type ModerationAct = Schemas['ActView']
export type Mute = Schemas['MuteView']
export type Ban = Schemas['BanView']
/** One of the tokens that open a room's feed, and one just made. */
export type FeedToken = Schemas['FeedTokenView']
export type MadeFeedToken = Schemas['NewToken']
/** A viewer who helps in a room. */
export type Helper = Schemas['Moderator']
export type WordEffect = Schemas['Effect']
export type Word = Schemas['WordView']
export type WordFound = Schemas['Found']

/** The room client is a package of its own and writes down what it carries; these fail to compile when the server's shapes part from it. */
type Same<Server extends Client, Client> = Server
export type WireChecks = [
  Same<Schemas['Card'], Card>,
  Same<Narrow<Schemas['SaleCard'], { state: Sale['state']; kind: Sale['kind'] }>, Sale>,
  Same<Schemas['GiftOut'], Gift>,
  Same<Schemas['Quoted'], Quoted>,
  Same<Schemas['Setting'], ChatSetting>,
  Same<Omit<PublicRoom, 'brand' | 'whep_url' | 'pinned' | 'beside' | 'shelf' | 'sales'>, RoomInfo>,
]
