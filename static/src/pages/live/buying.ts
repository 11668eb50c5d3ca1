import { ApiProblem, asMember, newKey, persist } from '@/shared/api'
import type { Order, Page, Payment, Placed } from '@/shared/types'

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

export function claim(room: string, sale: string, lines: { sku_id: string; quantity: number }[], single: boolean): Promise<Placed> {
  const body = single ? { quantity: lines[0]!.quantity } : { lines }
  return once(`sale ${sale} ${JSON.stringify(body)}`, (key) =>
    asMember<Placed>(`/api/rooms/${room}/flash-sales/${sale}/holds`, { body, key }),
  )
}

/** Refused when a price is another by now. */
export function buy(room: string, lines: { sku_id: string; quantity: number; price_minor: number }[]): Promise<Placed> {
  return once(`order ${JSON.stringify(lines)}`, (key) => asMember<Placed>(`/api/rooms/${room}/orders`, { body: { lines }, key }))
}

export function sendGift(room: string, gift_id: string, quantity: number): Promise<unknown> {
  return once(`tip ${gift_id} ${quantity}`, (key) => asMember(`/api/rooms/${room}/tips`, { body: { gift_id, quantity }, key }))
}

export function myOrders(cursor: string | null = null): Promise<Page<Order>> {
  return asMember<Page<Order>>('/api/orders', { query: { cursor } })
}

const shelf = 'showfloor.paying'

export interface Errand { back: string; order: string | null }

/** Leaves for the cashier; `comeBack` finds out what for. */
export async function pay(order: string): Promise<void> {
  const body = { provider: 'sandbox', return_url: location.pathname + location.search }
  const payment = await persist(() => asMember<Payment>(`/api/orders/${order}/payments`, { body }))
  leave(payment.cashier_url, order)
}

export async function topUp(room: string, amount_minor: number): Promise<void> {
  const body = { amount_minor, room_id: room }
  const payment = await asMember<Payment>('/api/wallet/top-ups', { body, key: newKey() })
  leave(payment.cashier_url, null)
}

function leave(cashier: string, order: string | null): void {
  const errand: Errand = { back: location.pathname + location.search, order }
  try {
    sessionStorage.setItem(shelf, JSON.stringify(errand))
  } catch {
    // Without storage the cashier still knows the way back; only the greeting is lost.
  }
  location.assign(ownOrigin(cashier))
}

/** The sandbox cashier is this site under another of its names, perhaps; the token lives under the name in use. */
function ownOrigin(cashier: string): string {
  const address = new URL(cashier, location.href)
  return address.pathname.startsWith('/sandbox/payments/') ? address.pathname + address.search : address.href
}

export function comeBack(): Errand | null {
  try {
    const kept = sessionStorage.getItem(shelf)
    sessionStorage.removeItem(shelf)
    return kept ? (JSON.parse(kept) as Errand) : null
  } catch {
    return null
  }
}
