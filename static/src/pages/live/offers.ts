import { shortMoney } from '@/shared/money'
import { boughtOf, giftsOf, priceOf } from '@/shared/sales'
import type { Card, Sale, SaleLine } from '@/shared/types'

/** What can be bought of a product right now: its open flash sale, or the shelf's own price. */
export interface Offer {
  product_id: string
  title: string
  image: string | null
  price_minor: number
  was_minor: number | null
  left: number
  sale: Sale | null
  /** The sale's line that has the price. */
  line: SaleLine | null
}

/** What has something left goes first, then what costs less. */
const better = (a: SaleLine, b: SaleLine): number => Number(b.free > 0) - Number(a.free > 0) || priceOf(a, 1) - priceOf(b, 1)

function offered(lines: readonly SaleLine[], of: Omit<Offer, 'price_minor' | 'was_minor' | 'left' | 'line'>, usual: number | null): Offer {
  const line = [...lines].sort(better)[0] ?? null
  return { ...of, line, price_minor: line ? priceOf(line, 1) : 0, was_minor: line?.was_minor ?? usual, left: lines.reduce((sum, one) => sum + one.free, 0) }
}

export function offerOf(card: Card, sales: readonly Sale[]): Offer {
  const { product_id, title, image, price_minor, was_minor, skus } = card
  for (const sale of sales) {
    const lines = boughtOf(sale).filter((line) => line.product_id === product_id)
    if (lines.length) return offered(lines, { product_id, title, image, sale }, price_minor)
  }
  return { product_id, title, image, price_minor, was_minor, left: skus.reduce((sum, one) => sum + one.free, 0), sale: null, line: null }
}

export function offerOfSale(sale: Sale, shelf: readonly Card[]): Offer {
  const lines = boughtOf(sale)
  const line = lines[0]
  const card = shelf.find((one) => one.product_id === line?.product_id)
  const title = card?.title || line?.title || sale.title
  return offered(lines, { product_id: line?.product_id ?? '', title, image: line?.image ?? card?.image ?? null, sale }, null)
}

type Translate = (key: string, values?: Record<string, unknown>) => string

/** What is special about the sale beside its price, for who buys so many: the first units, or the gifts. */
export function dealOf(sale: Sale | null, line: SaleLine | null, t: Translate, quantity = 1): string | null {
  if (line?.first) {
    const { units, left, price_minor, then_minor } = line.first
    return t(left <= 0 ? 'card.first_gone' : quantity > left ? 'card.first_over' : 'card.first', { n: quantity, units, left, price: shortMoney(price_minor), then: shortMoney(then_minor) })
  }
  const gifts = sale ? giftsOf(sale).map(({ title, per_unit }) => t('card.gift', { title, n: per_unit })) : []
  return gifts.length ? t('card.gifts', { gifts: gifts.join(t('card.and')) }) : null
}
