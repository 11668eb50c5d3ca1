import { expect, test } from 'vitest'
import { arranged } from './arranged'

const cards = ['a', 'b', 'c', 'd'].map((product_id) => ({ product_id }))
const order = (named: string[]): string => arranged(cards, named).map((card) => card.product_id).join('')

test('named products go first and the others stay in the room’s order', () => {
  expect(order(['c', 'a'])).toBe('cabd')
  expect(order([])).toBe('abcd')
})

test('what is not on the shelf any more is passed over', () => {
  expect(order(['gone', 'd'])).toBe('dabc')
})
