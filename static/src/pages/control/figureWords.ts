import { shortMoney } from '@/shared/money'
import type { RoomFigures } from '@/shared/types'

const count = (n: number): string => n.toLocaleString('en-US')

/** How each figure of a room reads. */
export const figureWords: Record<string, (now: RoomFigures) => string> = {
  watching: (now) => count(now.watching),
  peak: (now) => count(now.peak),
  visits: (now) => count(now.visits),
  amount: (now) => shortMoney(now.amount_minor),
  orders: (now) => count(now.orders_paid),
  share: (now) => (now.visits ? `${((now.orders_paid / now.visits) * 100).toFixed(1)}%` : '–'),
  comments: (now) => count(now.comments),
  likes: (now) => count(now.likes),
  tips: (now) => shortMoney(now.tips_minor),
  refunded: (now) => shortMoney(now.refunded_minor),
}

export const ofMoney = new Set(['amount', 'tips', 'refunded'])
/** Have nothing to tell where nothing is sold. */
export const ofShelf = new Set(['amount', 'orders', 'share', 'refunded'])

const none: RoomFigures = {
  watching: 0, peak: 0, visits: 0, likes: 0, comments: 0, orders_held: 0, orders_paid: 0, amount_minor: 0, refunded_minor: 0, tips_minor: 0,
  minutes: [], marks: [], stores: [],
}

/** Those that the room comes first with, at most `most`; the count of viewers is the socket's own, which is newer. */
export function firstFigures(names: readonly string[], figures: RoomFigures | null, here: number, most = 3): { name: string; text: string }[] {
  const now = { ...(figures ?? none), watching: here, peak: Math.max(figures?.peak ?? 0, here) }
  return names.flatMap((name) => (figureWords[name] ? [{ name, text: figureWords[name](now) }] : [])).slice(0, most)
}
