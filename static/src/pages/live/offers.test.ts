import { expect, test } from 'vitest'
import type { Card, Sale } from '@/shared/types'
import { offerOf, offerOfSale } from './offers'

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
const sale: Sale = {
  sale_id: 'f1',
  title: 'Flash',
  state: 'open',
  opens_at: null,
  ends_at: null,
  limit_per_buyer: 1,
  hold_seconds: 300,
  lines: [
    { sku_id: 's1', product_id: 'p1', title: 'Tea set · red', image: null, price_minor: 2_990, was_minor: null, total: 5, free: 4, held: 1, sold: 0 },
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
