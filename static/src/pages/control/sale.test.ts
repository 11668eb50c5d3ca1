import { beforeEach, describe, expect, test } from 'vitest'
import { ApiProblem } from '@/shared/api'
import type { Card } from '@/shared/room-client'
import { lowered } from './lowered'
import { bodyOf, check, draftOf, keepOne, refusedAt, setKind, type Draft } from './saleDraft'

const sku = (sku_id: string, price_minor: number, free: number) => ({ sku_id, title: sku_id, price_minor, free })
const card: Card = { product_id: 'p1', title: 'Tea set', image: null, price_minor: 9_900, was_minor: null, position: 1, skus: [sku('red', 9_900, 60), sku('blue', 10_900, 40)] }
const spoon = { sku_id: 'spoon', title: 'Spoon', free: 90 }
const t = (key: string, values?: Record<string, unknown>): string => [key, ...Object.values(values ?? {})].join(' ')
const wrongIn = (draft: Draft): string[] => Object.keys(check(draft, [spoon], t))

let draft: Draft
beforeEach(() => {
  draft = draftOf({ ...card, skus: [card.skus[0]!] })
  draft.lines[0]!.price = '79'
})

describe('a sale as the host types it', () => {
  test('of one product needs a price, and no more units than there are', () => {
    expect(wrongIn(draft)).toEqual([])
    Object.assign(draft.lines[0]!, { price: '0', stock: '61' })
    expect(check(draft, [], t)).toEqual({ 'price.red': 'sale.wrongPrice', 'stock.red': 'sale.wrongStock 60 0' })
  })

  test('of several variants sends those that are ticked, each with its price', () => {
    const both = draftOf(card)
    Object.assign(both.lines[0]!, { price: '79', stock: '10' })
    Object.assign(both.lines[1]!, { price: '89.5', stock: '5' })
    expect(bodyOf(both, 'Tea').lines).toEqual([
      { sku_id: 'red', price_minor: 7_900, stock: 10 },
      { sku_id: 'blue', price_minor: 8_950, stock: 5 },
    ])
    for (const line of both.lines) line.on = false
    expect(wrongIn(both)).toEqual(['lines'])
  })

  test('goes to the usual price after the first units, which are fewer and cheaper', () => {
    draft.lines[0]!.price = ''
    setKind(draft, 'first_n')
    expect(draft.lines[0]!.price).toBe('99')
    Object.assign(draft.first, { units: '60', price: '99' })
    expect(wrongIn(draft)).toEqual(['first.units', 'first.price_minor'])
    Object.assign(draft.first, { units: '50', price: '69' })
    expect(wrongIn(draft)).toEqual([])
    expect(bodyOf(draft, 'Tea')).toMatchObject({ kind: 'first_n', first: { units: 50, price_minor: 6_900 }, lines: [{ price_minor: 9_900 }] })
    setKind(draft, 'flash_price')
    expect(draft.lines[0]!.price).toBe('')
  })

  test('gives no more gifts than there are, and sells one product with them', () => {
    const both = draftOf(card)
    setKind(both, 'bundle')
    expect(both.lines.filter((line) => line.on)).toHaveLength(1)
    keepOne(both, both.lines[1]!)
    Object.assign(both.lines[1]!, { price: '89', stock: '40' })
    expect(wrongIn(both)).toEqual(['gift.0'])
    both.gifts = [{ sku_id: 'spoon', per_unit: '3' }]
    expect(check(both, [spoon], t)).toEqual({ 'gift.0': 'sale.wrongGiftStock 120 90' })
    both.gifts = [{ sku_id: 'spoon', per_unit: '2' }]
    expect(wrongIn(both)).toEqual([])
    expect(bodyOf(both, 'Tea')).toMatchObject({ kind: 'bundle', gifts: [{ sku_id: 'spoon', per_unit: 2 }], lines: [{ sku_id: 'blue' }], quotas: [] })
  })

  test('keeps units for stores on top of its own, each store once, and forgets empty rows', () => {
    const row = { store_id: '', sku_id: '', units: '' }
    draft.lines[0]!.stock = '50'
    draft.quotas = [{ ...row }, { store_id: 'hz', sku_id: '', units: '11' }, { store_id: 'hz', sku_id: '', units: '1' }]
    expect(check(draft, [], t)).toEqual({ 'stock.red': 'sale.wrongStockQuota 60 12', 'quota.2': 'sale.wrongTwice' })
    draft.quotas = [{ ...row }, { store_id: 'hz', sku_id: 'blue', units: '10' }]
    expect(wrongIn(draft)).toEqual([])
    expect(bodyOf(draft, 'Tea').quotas).toEqual([{ store_id: 'hz', units: 10 }])
  })
})

test('what the server refuses is said at its field', () => {
  const invalid = (field: string) => new ApiProblem('validation', 422, { errors: [{ field, message: '' }] })
  expect(refusedAt(invalid('first.units'), draft, t)).toEqual({ 'first.units': 'sale.wrongFirstUnits' })
  expect(refusedAt(invalid('sku_id'), draft, t)).toEqual({ lines: 'sale.wrongSku' })
  expect(refusedAt(invalid('title'), draft, t)).toEqual({})
  expect(refusedAt(new ApiProblem('out-of-stock', 409, { sku_id: 'red', left: 7 }), draft, t)).toEqual({ 'stock.red': 'sale.wrongStock 7' })
})

test.each([[5_990, 5, 5_690], [5_990, 10, 5_390], [10, 5, 9], [1, 5, 1]])('%i fen lowered by %i % is %i', (price, percent, lower) => {
  expect(lowered(price, percent)).toBe(lower)
})
