import type { ApiProblem } from '@/shared/api'
import { parseMoney, shortMoney } from '@/shared/money'
import type { Card, SaleKind } from '@/shared/room-client'

export interface LineDraft { sku_id: string; title: string; usual_minor: number; free: number; on: boolean; price: string; stock: string }
export interface GiftDraft { sku_id: string; per_unit: string }
export interface QuotaDraft { store_id: string; sku_id: string; units: string }
/** A sale as the host types it. */
export interface Draft {
  kind: SaleKind
  lines: LineDraft[]
  first: { units: string; price: string }
  gifts: GiftDraft[]
  quotas: QuotaDraft[]
  own_quota_only: boolean
  limit: string
  minutes: string
}
/** What can be given with something: a SKU of the room's shelf. */
export interface Giveable { sku_id: string; title: string; free: number }
/** Words at the field that they belong to. */
export type Wrong = Record<string, string>
type Translate = (key: string, values?: Record<string, unknown>) => string

export const kinds: SaleKind[] = ['flash_price', 'first_n', 'price_drop', 'bundle']
export const mostGifts = 5
const most = { units: 1_000_000, limit: 1_000, minutes: 7 * 1_440, perUnit: 10 }

const whole = (text: string, upTo: number): number | null => {
  const number = /^\d{1,7}$/.test(text.trim()) ? Number(text) : 0
  return number > 0 && number <= upTo ? number : null
}
const priced = (text: string): number | null => parseMoney(text) || null

export function draftOf(card: Card): Draft {
  const some = card.skus.some((sku) => sku.free > 0)
  return {
    kind: 'flash_price',
    lines: card.skus.map(({ sku_id, title, price_minor, free }, at) => ({
      sku_id,
      title,
      usual_minor: price_minor,
      free,
      on: some ? free > 0 : at === 0,
      price: '',
      stock: String(Math.min(free, 100) || ''),
    })),
    first: { units: '', price: '' },
    gifts: [{ sku_id: '', per_unit: '1' }],
    quotas: [],
    own_quota_only: false,
    limit: '1',
    minutes: '10',
  }
}

const usualPrice = (line: LineDraft): string => shortMoney(line.usual_minor).replace(/[¥,]/g, '')

/** First-N ends at the usual price and a price drop begins there, as long as the host typed no other. */
export function setKind(draft: Draft, kind: SaleKind): void {
  const fromUsual = kind === 'first_n' || kind === 'price_drop'
  for (const line of draft.lines) {
    if (fromUsual && !line.price) line.price = usualPrice(line)
    else if (!fromUsual && line.price === usualPrice(line)) line.price = ''
  }
  draft.kind = kind
  if (kind === 'bundle') keepOne(draft, draft.lines.find((line) => line.on) ?? draft.lines[0]!)
}

/** Only one product is paid for in a bundle. */
export function keepOne(draft: Draft, line: LineDraft): void {
  for (const one of draft.lines) one.on = one === line
}

const onLines = (draft: Draft): LineDraft[] => draft.lines.filter((line) => line.on)
/** An empty row is one that nobody filled in. */
const isEmpty = (quota: QuotaDraft): boolean => !quota.store_id && !quota.units
const quotasOf = (draft: Draft): QuotaDraft[] => (draft.kind === 'bundle' ? [] : draft.quotas.filter((quota) => !isEmpty(quota)))
/** Where one product is sold, a quota is of that. */
function skuOf(draft: Draft, quota: QuotaDraft): string {
  const lines = onLines(draft)
  return lines.length === 1 ? lines[0]!.sku_id : quota.sku_id
}

/** As the server checks it; empty when nothing is wrong. */
export function check(draft: Draft, giveable: readonly Giveable[], t: Translate): Wrong {
  const wrong: Wrong = {}
  const lines = onLines(draft)
  const number = t('sale.wrongNumber')
  if (!lines.length) wrong.lines = t('sale.wrongLines')
  for (const line of lines) {
    const stock = whole(line.stock, most.units)
    const quota = quotasOf(draft).reduce((sum, one) => sum + (skuOf(draft, one) === line.sku_id ? (whole(one.units, most.units) ?? 0) : 0), 0)
    if (!priced(line.price)) wrong[`price.${line.sku_id}`] = t('sale.wrongPrice')
    if (stock === null) wrong[`stock.${line.sku_id}`] = number
    else if (stock + quota > line.free) wrong[`stock.${line.sku_id}`] = t(quota ? 'sale.wrongStockQuota' : 'sale.wrongStock', { n: line.free, quota })
  }
  if (draft.kind === 'first_n') checkFirst(draft, wrong, t)
  if (draft.kind === 'bundle') checkGifts(draft, giveable, wrong, t)
  if (draft.kind !== 'bundle') checkQuotas(draft, wrong, t)
  if (whole(draft.limit, most.limit) === null) wrong.limit = t('sale.wrongUpTo', { n: most.limit })
  if (whole(draft.minutes, most.minutes) === null) wrong.minutes = t('sale.wrongUpTo', { n: most.minutes })
  return wrong
}

function checkQuotas(draft: Draft, wrong: Wrong, t: Translate): void {
  draft.quotas.forEach((quota, at) => {
    if (isEmpty(quota)) return
    const sku = skuOf(draft, quota)
    if (!quota.store_id) wrong[`quota.${at}`] = t('sale.wrongStore')
    else if (whole(quota.units, most.units) === null) wrong[`quota.${at}`] = t('sale.wrongNumber')
    else if (!onLines(draft).some((line) => line.sku_id === sku)) wrong[`quota.${at}`] = t('sale.wrongQuotaSku')
    else if (draft.quotas.some((other, before) => before < at && other.store_id === quota.store_id && skuOf(draft, other) === sku)) wrong[`quota.${at}`] = t('sale.wrongTwice')
  })
}

function checkFirst(draft: Draft, wrong: Wrong, t: Translate): void {
  const [units, price] = [whole(draft.first.units, most.units), priced(draft.first.price)]
  const lines = onLines(draft)
  if (units === null) wrong['first.units'] = t('sale.wrongNumber')
  else if (lines.some((line) => units >= Number(line.stock))) wrong['first.units'] = t('sale.wrongFirstUnits')
  if (price === null) wrong['first.price_minor'] = t('sale.wrongPrice')
  else if (lines.some((line) => price >= (priced(line.price) ?? Infinity))) wrong['first.price_minor'] = t('sale.wrongFirstPrice')
}

function checkGifts(draft: Draft, giveable: readonly Giveable[], wrong: Wrong, t: Translate): void {
  const bought = onLines(draft)[0]
  draft.gifts.forEach((gift, at) => {
    const per = whole(gift.per_unit, most.perUnit)
    const free = giveable.find((one) => one.sku_id === gift.sku_id)?.free ?? 0
    const wants = (per ?? 0) * (whole(bought?.stock ?? '', most.units) ?? 0)
    if (!gift.sku_id) wrong[`gift.${at}`] = t('sale.wrongGift')
    else if (gift.sku_id === bought?.sku_id || draft.gifts.findIndex((one) => one.sku_id === gift.sku_id) < at) wrong[`gift.${at}`] = t('sale.wrongTwice')
    else if (per === null) wrong[`gift.${at}`] = t('sale.wrongUpTo', { n: most.perUnit })
    else if (wants > free) wrong[`gift.${at}`] = t('sale.wrongGiftStock', { wants, n: free })
  })
  if (!draft.gifts.length) wrong.gifts = t('sale.wrongGift')
}

/** What is sent; only of a draft in which nothing is wrong. */
export function bodyOf(draft: Draft, title: string): Record<string, unknown> {
  const several = onLines(draft).length > 1
  return {
    kind: draft.kind,
    title,
    lines: onLines(draft).map((line) => ({ sku_id: line.sku_id, price_minor: priced(line.price), stock: Number(line.stock) })),
    ...(draft.kind === 'first_n' && { first: { units: Number(draft.first.units), price_minor: priced(draft.first.price) } }),
    ...(draft.kind === 'bundle' && { gifts: draft.gifts.map((gift) => ({ sku_id: gift.sku_id, per_unit: Number(gift.per_unit) })) }),
    quotas: quotasOf(draft).map((quota) => ({ store_id: quota.store_id, units: Number(quota.units), ...(several && { sku_id: skuOf(draft, quota) }) })),
    own_quota_only: quotasOf(draft).length > 0 && draft.own_quota_only,
    limit_per_buyer: Number(draft.limit),
    hold_seconds: 300,
    duration_seconds: Number(draft.minutes) * 60,
    open: true,
  }
}

/** What the server refused, at the field that it names; empty where it names none of the form's. */
export function refusedAt(problem: ApiProblem, draft: Draft, t: Translate): Wrong {
  const { sku_id, left, errors } = problem.data as { sku_id?: string; left?: number; errors?: { field: string }[] }
  if (problem.slug === 'out-of-stock' && sku_id) {
    const gift = draft.gifts.findIndex((one) => one.sku_id === sku_id)
    const field = onLines(draft).some((line) => line.sku_id === sku_id) ? `stock.${sku_id}` : gift >= 0 ? `gift.${gift}` : null
    return field ? { [field]: t('sale.wrongStock', { n: left ?? 0 }) } : {}
  }
  const words: Record<string, string> = {
    'first.units': t('sale.wrongFirstUnits'),
    'first.price_minor': t('sale.wrongFirstPrice'),
    gifts: t('sale.wrongGift'),
    quotas: t('sale.wrongQuotas'),
    lines: t('sale.wrongLines'),
    sku_id: t('sale.wrongSku'),
  }
  const at: Record<string, string> = { sku_id: 'lines' }
  return Object.fromEntries((errors ?? []).filter(({ field }) => field in words).map(({ field }) => [at[field] ?? field, words[field]!]))
}
