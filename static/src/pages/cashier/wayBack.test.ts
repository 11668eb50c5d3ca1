import { describe, expect, it, vi } from 'vitest'
import { wayBack } from './wayBack'

describe('the way back from a cashier', () => {
  vi.stubGlobal('location', new URL('http://phone.lan:8000/pay/1'))
  it('stays under the name that the page was opened with', () => {
    expect(wayBack('/live/1?i=a')).toBe('/live/1?i=a')
    expect(wayBack('https://shop.example/live/1')).toBe('/live/1')
    expect(wayBack(undefined)).toBe('/')
  })
  it('leads to pages of the web only', () => {
    expect(wayBack('javascript:alert(1)')).toBe('/')
    expect(wayBack('data:text/html,x')).toBe('/')
  })
})
