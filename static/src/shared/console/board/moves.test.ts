import { describe, expect, it } from 'vitest'
import { Moves } from './moves'
import type { BoardRow } from './types'

const row = (id: string, rank: number): BoardRow => ({ id, rank, overall: rank, name: id, store: null, own: false, figures: null })

describe('places that rows rose or fell', () => {
  it('are told for a while after they changed, and sum up while they go on', () => {
    const moves = new Moves()
    expect(moves.take([row('a', 1), row('b', 4)], 0).size).toBe(0)
    expect(moves.take([row('b', 2), row('a', 1)], 1_000)).toEqual(new Map([['b/', 2]]))
    expect(moves.take([row('b', 1), row('a', 2)], 2_000)).toEqual(new Map([['b/', 3], ['a/', -1]]))
    expect(moves.take([row('b', 1), row('a', 2)], 10_000).get('b/')).toBe(3)
    expect(moves.take([row('b', 1), row('a', 2)], 60_000).size).toBe(0)
  })

  it('are not told of another ranking', () => {
    const moves = new Moves()
    moves.take([row('a', 1)], 0)
    moves.forget()
    expect(moves.take([row('a', 5)], 1).size).toBe(0)
  })
})
