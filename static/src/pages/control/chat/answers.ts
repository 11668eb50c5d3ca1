import type { Card, Sale, Sku } from '@/shared/room-client'
import { shortMoney } from '@/shared/money'
import { boughtOf } from '@/shared/sales'

export const abouts = ['price', 'size', 'stock', 'delivery', 'returns', 'quality', 'other'] as const
export type About = (typeof abouts)[number]
type Translate = (key: string, values?: Record<string, unknown>) => string

/** A kind that the server may have and this page doesn't know is any other. */
export const aboutOf = (about: string): About => abouts.find((one) => one === about) ?? 'other'

/** These have one answer for the whole shop, whatever is on show: what the operator said last is worth offering. */
const keeps = new Set<About>(['delivery', 'returns', 'quality'])
const mostKept = 3
const longest = 280

/** Kept answers with a new one, newest first. */
export function withAnswer(kept: Partial<Record<About, string[]>>, about: About, text: string): Partial<Record<About, string[]>> {
  if (!keeps.has(about)) return kept
  return { ...kept, [about]: [text, ...(kept[about] ?? []).filter((one) => one !== text)].slice(0, mostKept) }
}

/** What can be answered with one tap: from the product on show, else what was answered last time. */
export function answersTo(about: About, card: Card | null, sales: readonly Sale[], kept: Partial<Record<About, string[]>>, t: Translate): string[] {
  if (keeps.has(about)) return kept[about] ?? []
  const made = card && (about === 'price' ? price(card, sales, t) : about === 'size' ? size(card, t) : about === 'stock' ? stock(card, sales, t) : null)
  return made && made.length <= longest ? [made] : []
}

const join = (parts: string[], t: Translate): string => parts.join(t('answer.and'))

function saleLines(card: Card, sales: readonly Sale[]): Sale['lines'] {
  return sales.filter((sale) => sale.state === 'open').flatMap((sale) => boughtOf(sale).filter((line) => line.product_id === card.product_id))
}

function price(card: Card, sales: readonly Sale[], t: Translate): string {
  const onSale = new Map(saleLines(card, sales).filter((line) => line.free > 0).map((line) => [line.sku_id, line.price_minor]))
  const one = (sku: Sku): string => {
    const sale = onSale.get(sku.sku_id)
    const usual = shortMoney(sku.price_minor)
    const words = sale === undefined ? usual : t('answer.sale', { price: shortMoney(sale), usual })
    return sku.title ? `${sku.title} ${words}` : words
  }
  return t('answer.price', { title: card.title, prices: join(card.skus.map(one), t) })
}

function size(card: Card, t: Translate): string | null {
  const titles = card.skus.filter((sku) => sku.title)
  if (!titles.length) return null
  const names = (some: Sku[]): string => some.map((sku) => sku.title).join(t('answer.or'))
  const [there, gone] = [titles.filter((sku) => sku.free > 0), titles.filter((sku) => sku.free <= 0)]
  if (!there.length) return t('answer.sizesGone', { title: card.title, sizes: names(gone) })
  const said = t('answer.sizes', { title: card.title, sizes: names(there) })
  return gone.length ? said + t('answer.sizesWithout', { sizes: names(gone) }) : said
}

function stock(card: Card, sales: readonly Sale[], t: Translate): string {
  const inSale = saleLines(card, sales).reduce((sum, line) => sum + line.free, 0)
  const words = (free: number): string => (free > 0 ? t('answer.left', { n: free }) : t('answer.gone'))
  const free = card.skus.reduce((sum, sku) => sum + sku.free, 0)
  const alike = card.skus.length === 1 || free <= 0 || card.skus.some((sku) => !sku.title)
  const usual = alike ? `${card.title}${t('answer.space')}${words(free)}` : t('answer.price', { title: card.title, prices: join(card.skus.map((sku) => `${sku.title}${t('answer.space')}${words(sku.free)}`), t) })
  if (!inSale) return usual
  return free > 0 ? usual + t('answer.saleToo', { n: inSale }) : t('answer.saleOnly', { title: card.title, n: inSale })
}
