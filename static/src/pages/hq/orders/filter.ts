/** The lists that staff look through; `after_sale` is of buyers' cases. */
export const tabs = ['all', 'awaiting_payment', 'to_ship', 'to_pick_up', 'shipped', 'picked_up', 'closed', 'refund_due', 'after_sale'] as const
export type Tab = (typeof tabs)[number]

export interface Narrowed { q: string; room_id: string; store_id: string; guide_id: string; days: [string, string] | null }

const asked: Partial<Record<Tab, Record<string, string | boolean>>> = {
  awaiting_payment: { status: 'awaiting_payment' },
  closed: { status: 'closed' },
  refund_due: { refund_due: true },
}

/** What the server is asked for; without a tab, for all of its counts. */
export function queryOf(narrowed: Narrowed, tab: Tab = 'all'): Record<string, string | boolean> {
  const { days, q, ...rest } = narrowed
  const state = tab === 'all' || tab === 'after_sale' ? {} : (asked[tab] ?? { fulfilment: tab })
  const given = { ...rest, q: q.trim(), ...(days ? { since: days[0], until: days[1] } : {}) }
  return { ...state, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value)) }
}

/** 12, 1000+. */
export const countWords = (count: number | undefined, most: number): string => (count === undefined ? '' : count >= most ? `${most}+` : String(count))
