import { expect, test } from 'vitest'
import type { StockPool } from '@/shared/types'
import { freeAt, gives, keyOf, keyOfPool, placeOf, reversed, unitsTyped } from './stock'

const pool = (pool: string, pool_id: string, free: number): StockPool => ({ pool, pool_id, name: pool_id, total: free, free, held: 0, sold: 0 })
const pools = [pool('headquarters', 'brand', 12), pool('store', 's1', 3), pool('room', 'r1', 0), pool('sale', 'f1', 9)]

test('a place is a choice and back', () => {
  for (const place of [{ pool: 'headquarters' }, { pool: 'store', id: 's1' }] as const) expect(placeOf(keyOf(place))).toEqual(place)
  expect(pools.map(keyOfPool)).toEqual(['headquarters', 'store:s1', 'room:r1', 'sale:f1'])
})

test('units are taken where some are free, and never out of a running sale', () => {
  expect(pools.filter(gives).map((one) => one.pool)).toEqual(['headquarters', 'store'])
  expect([freeAt(pools, 'store:s1'), freeAt(pools, 'store:unknown')]).toEqual([3, 0])
})

test('a move is undone by its reverse', () => {
  const move = { source: placeOf('headquarters'), target: placeOf('store:s1'), quantity: 5 }
  expect(reversed(move)).toEqual({ source: { pool: 'store', id: 's1' }, target: { pool: 'headquarters' }, quantity: 5 })
  expect(reversed(reversed(move))).toEqual(move)
})

test('a quantity is a whole number above zero', () => {
  expect(['5', ' 12 ', '0', '-1', '1.5', 'x', '', '12345678'].map(unitsTyped)).toEqual([5, 12, null, null, null, null, null, null])
})
