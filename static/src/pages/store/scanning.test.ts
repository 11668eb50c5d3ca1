import { expect, it } from 'vitest'
import { pickUpCode } from './scanning'

it('takes a code of digits and nothing else that a camera may see', () => {
  expect(pickUpCode(' 12345678\n')).toBe('12345678')
  expect(pickUpCode('１２３４５６７８')).toBe('12345678')
  for (const other of ['https://shop.example/i/ABC', '123', '12345678901234567', '']) expect(pickUpCode(other)).toBeNull()
})
