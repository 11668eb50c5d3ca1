import { expect, test } from 'vitest'
import { pinsAnew, pinsOf, pinsWith, pinsWithout } from './pins'
import type { Card } from './room-client'

const card = (product_id: string, price_minor = 100): Card => ({ product_id, title: product_id, image: null, price_minor, was_minor: null, skus: [], position: 1 })
const [tea, honey, cup, pot] = ['tea', 'honey', 'cup', 'pot'].map((id) => card(id)) as [Card, Card, Card, Card]

test('nothing in front is nothing at all', () => {
  expect(pinsOf(null, [])).toEqual([])
  expect(pinsOf(tea, [honey, cup])).toEqual([tea, honey, cup])
})

test('one more goes in front, the one pinned longest gives way to a fourth', () => {
  expect(pinsWith([honey, tea], cup)).toEqual([cup, honey, tea])
  expect(pinsWith([cup, honey, tea], pot)).toEqual([pot, cup, honey])
})

test('one that is pinned already comes to the front, whatever its price was then', () => {
  expect(pinsWith([cup, honey, tea], card('tea', 90))).toEqual([card('tea', 90), cup, honey])
})

test('each goes alone', () => {
  expect(pinsWithout([cup, honey, tea], card('cup', 90))).toEqual([honey, tea])
})

test('all of them follow the shelf, in their own order', () => {
  expect(pinsAnew([honey, tea], [card('tea', 90), cup])).toEqual([honey, card('tea', 90)])
})
