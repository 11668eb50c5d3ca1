import { ApiProblem, asMember, newKey, persist } from '@/shared/api'
import { memberToken } from '@/shared/member'
import type { Basket, Hold, Order, Page, Payment, Placed } from '@/shared/types'
import { scene, wayToPay } from './paying'

/** Keys of claims whose answer never came: the next tap is the same claim, not a second one. */
const unanswered = new Map<string, string>()

async function once<T>(intention: string, act: (key: string) => Promise<T>): Promise<T> {
  const key = unanswered.get(intention) ?? newKey()
  unanswered.set(intention, key)
  try {
    const answer = await persist(() => act(key))
    unanswered.delete(intention)
    return answer
  } catch (reason) {
    if (reason instanceof ApiProblem && reason.status > 0 && reason.status < 500) unanswered.delete(intention)
    throw reason
  }
}

/** Units of a sale; `single`: it sells this alone. */
export const unitsOf = (sku_id: string, quantity: number, single: boolean): Record<string, unknown> => (single ? { quantity } : { lines: [{ sku_id, quantity }] })

/** `amount_minor` is what was shown for all of it: refused when it costs more by now. A new price is no new intention. */
export function claim(room: string, sale: string, units: Record<string, unknown>, amount_minor: number): Promise<Placed> {
  return once(`sale ${sale} ${JSON.stringify(units)}`, (key) =>
    asMember<Placed>(`/api/rooms/${room}/flash-sales/${sale}/holds`, { body: { ...units, amount_minor }, key }),
  )
}

type Wanted = { sku_id: string; quantity: number; price_minor: number }
const asked = (lines: readonly Wanted[]): Wanted[] => lines.map(({ sku_id, quantity, price_minor }) => ({ sku_id, quantity, price_minor }))

/** Refused when a price is another by now. */
export function buy(room: string, lines: readonly Wanted[], note = ''): Promise<Placed> {
  const body = { lines: asked(lines), note }
  return once(`order ${JSON.stringify(body)}`, (key) => asMember<Placed>(`/api/rooms/${room}/orders`, { body, key }))
}

/** What they would cost now, and what stands in the way of each; nothing is ordered. */
export function priceBasket(room: string, lines: readonly Wanted[]): Promise<Basket> {
  return asMember<Basket>(`/api/rooms/${room}/baskets`, { body: { lines: asked(lines) } })
}

/** The same at a store's shelf, whose code was scanned. */
export function buyAtShelf(code: string, lines: readonly Wanted[]): Promise<Placed> {
  const body = { lines: asked(lines) }
  return once(`shelf ${code} ${JSON.stringify(body)}`, (key) => asMember<Placed>(`/api/invitations/${code}/orders`, { body, key }))
}

/** What became of an order whose payment was under way: the provider's notice may take a moment. */
export async function outcome(order: string): Promise<Order['status'] | null> {
  for (let attempt = 0; attempt < 4; attempt++) {
    const found = await asMember<Order>(`/api/orders/${order}`).catch(() => null)
    if (found && found.status !== 'awaiting_payment') return found.status
    await new Promise((go) => setTimeout(go, 700))
  }
  return null
}

export function sendGift(room: string, gift_id: string, quantity: number): Promise<unknown> {
  return once(`tip ${gift_id} ${quantity}`, (key) => asMember(`/api/rooms/${room}/tips`, { body: { gift_id, quantity }, key }))
}

export function myOrders(cursor: string | null = null): Promise<Page<Order>> {
  return asMember<Page<Order>>('/api/orders', { query: { cursor } })
}

/** The pick-up code as a picture for the store's camera; the address of a blob. */
export async function pickUpPicture(order: string): Promise<string> {
  const answer = await fetch(`/api/orders/${order}/pick-up-code.svg`, { headers: { Authorization: `Bearer ${memberToken()}` }, credentials: 'omit' })
  if (!answer.ok) throw new ApiProblem('not-found', answer.status)
  return URL.createObjectURL(await answer.blob())
}

const shelf = 'showfloor.paying'

/** What a page was showing of an order that is to be paid. */
export interface Shown { hold: Hold; title: string; sale: boolean }

/** What the buyer left for. `way`: to WeChat, to be paid by when WeChat has said who it is. */
export interface Errand { back: string; order: string | null; shown?: Shown; amount_minor?: number; way?: string }

/** The page was left, it was paid here, or the buyer stays. */
export type Went = 'left' | 'paid' | null

/** The visit to WeChat that this page is back from. */
export const visit = { over: false }

type Begin = (how: { provider: string; scene: string }) => Promise<Payment>

/** `comeBack` finds out what for. Without a `way` the buyer says how, where there is a choice. */
export function pay(order: string, way?: string, shown?: Shown): Promise<Went> {
  const begin: Begin = (how) => asMember<Payment>(`/api/orders/${order}/payments`, { body: { ...how, return_url: here() } })
  return start({ back: here(), order, shown }, begin, (next) => pay(order, next, shown), way)
}

export function topUp(room: string, amount_minor: number, way?: string): Promise<Went> {
  const key = newKey()
  const begin: Begin = (how) => asMember<Payment>('/api/wallet/top-ups', { body: { amount_minor, ...how, room_id: room }, key })
  return start({ back: here(), order: null, amount_minor }, begin, (next) => topUp(room, amount_minor, next), way)
}

async function start(errand: Errand, begin: Begin, again: (way: string) => Promise<Went>, way?: string): Promise<Went> {
  const provider = way ?? (await wayToPay())
  if (!provider) return null
  const how = { provider, scene: scene() }
  const begun = (): Promise<Payment> => persist(() => begin(how))
  if (provider === 'wechat_pay' && how.scene === 'wechat') return (await import('./wechat')).payWithin(errand, begun, again)
  const payment = await begun()
  leave(ownOrigin(payment.cashier_url), errand)
  return 'left'
}

export const here = (): string => location.pathname + location.search

export function leave(address: string, errand: Errand): void {
  try {
    sessionStorage.setItem(shelf, JSON.stringify(errand))
  } catch {
    // Without storage the cashier still knows the way back; only the greeting is lost.
  }
  location.assign(address)
}

/** A cashier of ours is this site under another of its names, perhaps; the token lives under the name in use. */
function ownOrigin(cashier: string): string {
  const address = new URL(cashier, location.href)
  return /^\/(sandbox\/payments|pay)\/[0-9a-f-]+$/.test(address.pathname) ? address.pathname + address.search : address.href
}

export function comeBack(): Errand | null {
  try {
    const kept = sessionStorage.getItem(shelf)
    sessionStorage.removeItem(shelf)
    const errand = kept ? (JSON.parse(kept) as Errand) : null
    visit.over = Boolean(errand?.way)
    return errand
  } catch {
    return null
  }
}
