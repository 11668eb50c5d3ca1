import { beforeEach, expect, it, vi } from 'vitest'
import { useCart, type CartLine } from './cart'

const kept = new Map<string, string>()
beforeEach(() => {
  kept.clear()
  vi.stubGlobal('localStorage', { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value) })
})

const line = (sku_id: string, quantity = 1, price_minor = 2000): CartLine => ({ sku_id, title: sku_id, image: null, price_minor, quantity })

it('survives a reload, for its own room alone', () => {
  const cart = useCart('r1')
  cart.add(line('tea', 2))
  cart.add(line('tea'))
  cart.add(line('cup'))
  expect(useCart('r1').lines.map(({ sku_id, quantity }) => [sku_id, quantity])).toEqual([['tea', 3], ['cup', 1]])
  expect(useCart('r1').units).toBe(4)
  expect(useCart('r2').lines).toEqual([])
})

it('puts what was taken out back in its place', () => {
  const cart = useCart('r1')
  for (const sku of ['tea', 'cup', 'pot']) cart.add(line(sku))
  const undo = cart.remove('cup')
  expect(cart.lines.map((one) => one.sku_id)).toEqual(['tea', 'pot'])
  undo?.()
  expect(useCart('r1').lines.map((one) => one.sku_id)).toEqual(['tea', 'cup', 'pot'])
  expect(cart.remove('none')).toBeNull()
})

it('holds one to ninety-nine of each, and fifty kinds', () => {
  const cart = useCart('r1')
  cart.add(line('tea', 60))
  cart.add(line('tea', 60))
  cart.change('tea', { quantity: 0 })
  expect(cart.lines[0]!.quantity).toBe(1)
  for (let n = 1; n < 50; n++) expect(cart.add(line(`s${n}`))).toBe(true)
  expect(cart.add(line('one more'))).toBe(false)
})

it('takes nothing from the device that is no line', () => {
  kept.set('showfloor.cart.r1', JSON.stringify([line('tea'), { sku_id: 'x', quantity: -1 }, null, 'tea', { ...line('cup'), quantity: 1e9 }]))
  expect(useCart('r1').lines.map((one) => one.sku_id)).toEqual(['tea'])
  kept.set('showfloor.cart.r1', '{')
  expect(useCart('r1').lines).toEqual([])
})
