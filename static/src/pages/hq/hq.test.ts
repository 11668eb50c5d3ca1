import { describe, expect, it } from 'vitest'
import { parseHash } from './route'
import { makePassword } from './stores/password'

describe('headquarters', () => {
  it('reads view and detail from the address', () => {
    expect(parseHash('#/orders/abc')).toEqual({ view: 'orders', detail: 'abc' })
    expect(parseHash('')).toEqual({ view: 'overview', detail: null })
    expect(parseHash('#/nonsense')).toEqual({ view: 'overview', detail: null })
  })
  it('makes passwords that can be read out', () => {
    const password = makePassword()
    expect(password).toMatch(/^[a-km-zA-HJ-NP-Z2-9]{12}$/)
    expect(makePassword()).not.toBe(password)
  })
})
