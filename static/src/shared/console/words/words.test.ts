import { describe, expect, it } from 'vitest'
import { hasSound } from './words'

describe('a word is found by its sound', () => {
  it.each(['微信', '加我 V 信', '加我*微信'])('when it is Chinese: %s', (pattern) => expect(hasSound(pattern)).toBe(true))
  it.each(['vx', '18+', '死', '加*微信'])('not: %s', (pattern) => expect(hasSound(pattern)).toBe(false))
})
