import { describe, expect, it } from 'vitest'
import { countWords, queryOf, type Narrowed } from './filter'

const nothing: Narrowed = { q: '', room_id: '', store_id: '', guide_id: '', days: null }

describe('the list of orders', () => {
  it('asks for what its tab and its fields say, and for nothing that is empty', () => {
    expect(queryOf(nothing)).toEqual({})
    expect(queryOf(nothing, 'awaiting_payment')).toEqual({ status: 'awaiting_payment' })
    expect(queryOf(nothing, 'to_ship')).toEqual({ fulfilment: 'to_ship' })
    expect(queryOf({ ...nothing, q: ' 小王 ', store_id: 's1', days: ['2025-11-01', '2025-11-11'] }, 'refund_due')).toEqual({
      refund_due: true,
      q: '小王',
      store_id: 's1',
      since: '2025-11-01',
      until: '2025-11-11',
    })
  })

  it('says no more than that there are many', () => {
    expect([countWords(undefined, 1000), countWords(0, 1000), countWords(999, 1000), countWords(1000, 1000)]).toEqual(['', '0', '999', '1000+'])
  })
})
