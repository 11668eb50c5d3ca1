import { expect, test } from 'vitest'
import type { Sale, SaleLine } from './room-client'
import { priceOf, takePrice, takeStock } from './sales'

const line: SaleLine = {
  sku_id: 's1', product_id: 'p1', title: 'Tea set', image: null, price_minor: 6_900, was_minor: 9_900,
  total: 60, free: 60, held: 0, sold: 0, gift: false, per_unit: 1, first: { units: 50, price_minor: 6_900, then_minor: 7_900, left: 50 },
}
const sale = (): Sale => ({
  sale_id: 'f1', title: 'Flash', kind: 'first_n', state: 'open', opens_at: null, ends_at: null, limit_per_buyer: 5, hold_seconds: 300, waiting: 0,
  lines: [structuredClone(line)],
})

test('a claim pays the first price only while all its units are among the first', () => {
  const first = { ...line.first!, left: 2 }
  expect([1, 2, 3].map((quantity) => priceOf({ ...line, first }, quantity))).toEqual([6_900, 6_900, 7_900])
  expect(priceOf({ ...line, first: null }, 3)).toBe(6_900)
})

test('what was held and sold counts among the first, and what comes back is among them again', () => {
  const mine = sale()
  takeStock([mine], { sale_id: 'f1', lines: [{ sku_id: 's1', free: 8, held: 3, sold: 49, price_minor: 7_900 }] })
  expect(mine.lines[0]).toMatchObject({ free: 8, total: 60, price_minor: 7_900, first: { left: 0 } })
  takeStock([mine], { sale_id: 'f1', lines: [{ sku_id: 's1', free: 11, held: 0, sold: 49, price_minor: 6_900 }] })
  expect(mine.lines[0]).toMatchObject({ price_minor: 6_900, first: { left: 1 } })
})

test('a lower price is the line’s own, and another sale’s changes nothing', () => {
  const mine = sale()
  takePrice([mine], { sale_id: 'f2', sku_id: 's1', title: '', price_minor: 1, was_minor: 2 })
  expect(mine.lines[0]!.price_minor).toBe(6_900)
  takePrice([mine], { sale_id: 'f1', sku_id: 's1', title: '', price_minor: 5_900, was_minor: 9_900 })
  expect(mine.lines[0]).toMatchObject({ price_minor: 5_900, was_minor: 9_900 })
})
