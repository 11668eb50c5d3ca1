import { expect, test } from 'vitest'
import type { Card, Sale } from '@/shared/types'
import { dealOf, offerOf, offerOfSale } from './offers'

const card: Card = {
  product_id: 'p1',
  title: 'Tea set',
  image: '/images/a.webp',
  price_minor: 12_900,
  was_minor: null,
  position: 1,
  skus: [
    { sku_id: 's1', title: 'red', price_minor: 12_900, free: 3 },
    { sku_id: 's2', title: 'blue', price_minor: 13_900, free: 2 },
  ],
}
const plain = { gift: false, per_unit: 1, first: null }
const sale: Sale = {
  sale_id: 'f1',
  title: 'Flash',
  kind: 'flash_price',
  waiting: 0,
  state: 'open',
  opens_at: null,
  ends_at: null,
  limit_per_buyer: 1,
  hold_seconds: 300,
  lines: [
    { sku_id: 's1', product_id: 'p1', title: 'Tea set · red', image: null, price_minor: 2_990, was_minor: null, total: 5, free: 4, held: 1, sold: 0, ...plain },
  ],
}

test('without a sale the shelf’s price and all its stock are offered', () => {
  expect(offerOf(card, [])).toMatchObject({ price_minor: 12_900, left: 5, sale: null })
})

test('a sale of the product gives its own price and stock, and the shelf’s price as the one before', () => {
  expect(offerOf(card, [sale])).toMatchObject({ price_minor: 2_990, was_minor: 12_900, left: 4, sale: { sale_id: 'f1' } })
})

test('a sale of another product changes nothing', () => {
  expect(offerOf({ ...card, product_id: 'p2' }, [sale]).sale).toBeNull()
})

test('a sale alone is shown under its product’s name and picture', () => {
  expect(offerOfSale(sale, [card])).toMatchObject({ title: 'Tea set', image: '/images/a.webp', left: 4 })
  expect(offerOfSale(sale, [])).toMatchObject({ title: 'Tea set · red', image: null })
})

const line = sale.lines[0]!
const gift = { ...line, sku_id: 's9', product_id: 'p9', title: 'Spoon', price_minor: 0, free: 80, gift: true, per_unit: 2 }
const bundle: Sale = { ...sale, kind: 'bundle', lines: [line, gift] }
const say = (key: string, values?: Record<string, unknown>): string => `${key} ${Object.values(values ?? {}).join('|')}`

test('a gift is neither bought nor counted', () => {
  expect(offerOfSale(bundle, [])).toMatchObject({ price_minor: 2_990, left: 4 })
  expect(offerOf({ ...card, product_id: 'p9' }, [bundle]).sale).toBeNull()
  expect(dealOf(bundle, line, say)).toBe('card.gifts card.gift Spoon|2')
})

test('of several kinds the price is that of the cheapest that is left', () => {
  const blue = { ...line, sku_id: 's2', price_minor: 1_990, free: 0 }
  expect(offerOfSale({ ...sale, lines: [line, blue] }, [])).toMatchObject({ price_minor: 2_990, left: 4, line: { sku_id: 's1' } })
})

test('the first units are told with what is left of them and the price after them', () => {
  const first = { units: 50, price_minor: 6_900, then_minor: 7_900, left: 3 }
  expect(dealOf(sale, { ...line, first }, say)).toBe('card.first 1|50|3|¥69|¥79')
  expect(dealOf(sale, { ...line, first }, say, 4)).toMatch(/^card.first_over 4/)
  expect(dealOf(sale, { ...line, first: { ...first, left: 0 } }, say)).toMatch(/^card.first_gone/)
  expect(dealOf(sale, line, say)).toBeNull()
})
