import { describe, expect, it } from 'vitest'
import { afterPause, canTakeBack, leavesGap, unreadText, withLine } from './lines'
import type { TalkLine } from './types'

const at = (minute: number): string => `2026-03-01T12:${String(minute).padStart(2, '0')}:00Z`
const line = (number: number, more: Partial<TalkLine> = {}): TalkLine => ({ number, by: 'member', at: at(number), recalled: false, text: `${number}`, picture: null, product: null, ...more })

describe('lines of a conversation', () => {
  it('stand by their numbers, each once', () => {
    const lines = [line(2), line(4)]
    expect(withLine(lines, line(3)).map((one) => one.number)).toEqual([2, 3, 4])
    expect(withLine(lines, line(5)).map((one) => one.number)).toEqual([2, 4, 5])
    expect(withLine(lines, line(4, { recalled: true }))[1]).toMatchObject({ number: 4, recalled: true })
  })
  it('miss one when the next has not the next number', () => {
    expect(leavesGap([line(2)], line(3))).toBe(false)
    expect(leavesGap([line(2)], line(2))).toBe(false)
    expect(leavesGap([line(2)], line(4))).toBe(true)
  })
  it('can be taken back by who said them, for two minutes', () => {
    const now = new Date(at(3)).getTime()
    expect(canTakeBack(line(2), 'member', now)).toBe(true)
    expect(canTakeBack(line(2), 'guide', now)).toBe(false)
    expect(canTakeBack(line(1), 'member', now)).toBe(false)
    expect(canTakeBack(line(2, { recalled: true }), 'member', now)).toBe(false)
  })
  it('show the time after a pause', () => {
    expect(afterPause(line(1), undefined)).toBe(true)
    expect(afterPause(line(2), line(1))).toBe(false)
    expect(afterPause(line(9), line(1))).toBe(true)
  })
  it('are counted up to 99', () => {
    expect([unreadText(3), unreadText(100)]).toEqual(['3', '99+'])
  })
})
