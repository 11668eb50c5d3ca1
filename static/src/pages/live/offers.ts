import type { Card, Sale } from '@/shared/types'

/** What can be bought of a product right now: its open flash sale, or the shelf's own price. */
export interface Offer {
  product_id: string
  title: string
  image: string | null
  price_minor: number
  was_minor: number | null
  left: number
  sale: Sale | null
}

export function offerOf(card: Card, sales: readonly Sale[]): Offer {
  const sale = sales.find((one) => one.lines.some((line) => line.product_id === card.product_id)) ?? null
  const lines = sale?.lines.filter((line) => line.product_id === card.product_id) ?? []
  const cheapest = lines.reduce((best, line) => Math.min(best, line.price_minor), Infinity)
  return {
    product_id: card.product_id,
    title: card.title,
    image: card.image,
    price_minor: sale ? cheapest : card.price_minor,
    was_minor: sale ? (lines[0]?.was_minor ?? card.price_minor) : card.was_minor,
    left: (sale ? lines : card.skus).reduce((sum, one) => sum + one.free, 0),
    sale,
  }
}

export function offerOfSale(sale: Sale, shelf: readonly Card[]): Offer {
  const line = sale.lines[0]
  const card = shelf.find((one) => one.product_id === line?.product_id)
  return {
    product_id: line?.product_id ?? '',
    title: card?.title || line?.title || sale.title,
    image: line?.image ?? card?.image ?? null,
    price_minor: line?.price_minor ?? 0,
    was_minor: line?.was_minor ?? null,
    left: sale.lines.reduce((sum, one) => sum + one.free, 0),
    sale,
  }
}
