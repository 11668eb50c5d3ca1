import { describe, expect, it } from 'vitest'
import { cut, findWord } from '../found'
import { rowProblem } from './import/rowProblems'
import { columns, marksAt } from './minutes'
import { safeNext } from './session'

const minute = (at: string, watching: number, orders = 0) => ({ at, watching, orders, comments: 0, amount_minor: 0 })

describe('where log-in leads', () => {
  it('goes on to a path of our own', () => expect(safeNext('?next=%2Fhq%23%2Forders')).toBe('/hq#/orders'))
  it.each(['?next=https://elsewhere', '?next=//elsewhere', '?next=/%5Celsewhere', '?next=/login', ''])('never to %s', (query) => {
    expect(safeNext(query)).toBeNull()
  })
})

describe('the curve', () => {
  it('fills in minutes in which nothing was counted', () => {
    const [at, watching, orders] = columns([minute('2026-11-22T08:00:00Z', 5, 1), minute('2026-11-22T08:03:00Z', 9)])
    expect(at).toHaveLength(4)
    expect(watching).toEqual([5, null, null, 9])
    expect(orders).toEqual([1, 0, 0, 0])
  })
  it('draws a day at most', () => {
    const [at] = columns([minute('2026-11-01T00:00:00Z', 1), minute('2026-11-22T00:00:00Z', 1)])
    expect(at).toHaveLength(1_441)
  })
  it('finds the marks of a minute', () => {
    const marks = [{ at: '2026-11-22T08:00:31Z', kind: 'pin', label: '' }]
    expect(marksAt(marks, Date.UTC(2026, 10, 22, 8, 0) / 1_000)).toHaveLength(1)
    expect(marksAt(marks, Date.UTC(2026, 10, 22, 8, 1) / 1_000)).toHaveLength(0)
  })
})

describe('an imported sheet', () => {
  it('has words for what is wrong with a row', () => {
    expect(rowProblem('the same as row 2')).toEqual({ key: 'repeated', n: '2' })
    expect(rowProblem('this is the code of Spring tea · 250 g')).toEqual({ key: 'codeOf', n: 'Spring tea · 250 g' })
    expect(rowProblem('something new')).toBeNull()
  })
})

describe('a word in a line', () => {
  const hit = (text: string, pattern: string): string | null => {
    const span = findWord(text, pattern)
    return span && cut(text, span).hit
  }
  it.each([
    ['可以加微信聊', '加微信', '加微信'],
    ['加 微.信 吗', '微信', '微.信'],
    ['ＶＸ：12', 'vx', 'ＶＸ'],
    ['😀加个微信😀', '加*微信', '加个微信'],
    ['加我微', '加?微', '加我微'],
  ])('%s: %s', (text, pattern, expected) => expect(hit(text, pattern)).toBe(expected))
  it('that is there by its sound alone is not pointed at', () => expect(hit('加薇信', '加微信')).toBeNull())
  it('is cut by characters, not by halves of them', () => {
    expect(cut('😀好😀', { start: 1, end: 2 })).toEqual({ before: '😀', hit: '好', after: '😀' })
  })
})
