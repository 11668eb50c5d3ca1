import { expect, test } from 'vitest'
import { parsePoints, points } from '@/shared/console/credits/words'
import type { Policy } from '@/shared/console/credits/types'
import { changes, inWords, sumOf, type Say } from './changes'

const plain: Policy = { window_days: 7, binds: 'never', protection_days: 30, renews: true, guide_bp: 0, store_bp: 0, sharing_bp: [], bonus_minor: 0, bonus_for: 'guide' }
const say: Say = (key, values) => [key.replace(/^credits\.policy\./, ''), ...Object.values(values ?? {})].join(' ')
const told = (next: Partial<Policy>, was: Partial<Policy> = {}): string[] => changes({ ...plain, ...was }, { ...plain, ...was, ...next }, say)

test('the same settings change nothing', () => expect(told({})).toEqual([]))
test('each thing that changes is said once', () => {
  expect(told({ window_days: 3 })).toEqual(['say.window 3 7'])
  expect(told({ binds: 'first_order', protection_days: 60 })).toEqual(['say.bind_first_order 60'])
  expect(told({ binds: 'never' }, { binds: 'first_touch' })).toEqual(['say.bindNever'])
  expect(told({ protection_days: 60 }, { binds: 'first_touch' })).toEqual(['say.protection 60 30'])
  expect(told({ renews: false })).toEqual(['say.renewsOff'])
  expect(told({ guide_bp: 555, sharing_bp: [100] }, { sharing_bp: [100, 50] })).toEqual(['say.rate guide 5.55 0 ¥5.55', 'say.rate share2 0 0.5 ¥0.00'])
  expect(told({ bonus_minor: 990, bonus_for: 'store' })).toEqual(['say.bonus for.store ¥9.90 ¥0.00'])
  expect(told({ bonus_for: 'store' })).toEqual([])
  expect(told({ bonus_for: 'store' }, { bonus_minor: 990 })).toEqual(['say.bonusFor for.store'])
})
test('a policy reads as four rules and what is paid', () => {
  const words = inWords({ ...plain, guide_bp: 500 }, say)
  expect(words.rules).toEqual(['read.bound_never 30', 'read.touch 7', 'read.room', 'read.brand'])
  expect(words.pays).toEqual(['read.rates guide 5%'])
  expect(inWords(plain, say).pays).toEqual(['read.noRates'])
})
test('rates sum in basis points', () => expect(sumOf({ ...plain, guide_bp: 5000, store_bp: 1, sharing_bp: [2, 3] })).toBe(5006))
test('a rate is 0 to 100 with two decimals at most', () => {
  expect(['5', '5.5', '5.55', '0', '100', ' 8 '].map(parsePoints)).toEqual([500, 550, 555, 0, 10_000, 800])
  expect(['', '-1', '100.01', '5.555', 'x', '1e1', '.5'].map(parsePoints)).toEqual(Array(7).fill(null))
  expect(points(parsePoints('0.29')!)).toBe('0.29')
})
