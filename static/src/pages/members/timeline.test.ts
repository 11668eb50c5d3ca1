import { describe, expect, it } from 'vitest'
import type { TimelineItem } from '@/shared/console/types'
import { byDay, gatherTalk, linesOf, sentenceOf } from './timeline'

const item = (over: Partial<TimelineItem>): TimelineItem => ({ id: 'a', kind: 'chat', at: '2026-11-22T08:00:00Z', room_id: 'r', store_id: null, data: {}, ...over })
const said = (at: string, text: string, room = 'r'): TimelineItem => item({ id: at, at, room_id: room, data: { lines: [{ text }] } })

describe('a member’s timeline', () => {
  it('gathers what was said within five minutes, in the order of speaking', () => {
    const gathered = gatherTalk([said('2026-11-22T08:03:00Z', 'third'), said('2026-11-22T08:01:00Z', 'second'), said('2026-11-22T08:00:00Z', 'first')])
    expect(gathered.map(linesOf)).toEqual([['first', 'second', 'third']])
  })

  it('keeps apart what was said in two rooms, or with an order between', () => {
    const rows = [said('2026-11-22T08:03:00Z', 'c', 'other'), said('2026-11-22T08:02:00Z', 'b'), item({ id: 'o', kind: 'order', at: '2026-11-22T08:01:00Z' }), said('2026-11-22T08:00:00Z', 'a')]
    expect(gatherTalk(rows)).toHaveLength(4)
  })

  it('puts the items of one day under one heading, newest first', () => {
    const days = byDay([item({ id: '1', at: '2026-11-22T12:00:00' }), item({ id: '2', at: '2026-11-22T09:00:00' }), item({ id: '3', at: '2026-11-21T12:00:00' })])
    expect(days.map((day) => day.items.length)).toEqual([2, 1])
  })

  it('tells an invitation by its step', () => {
    expect(sentenceOf(item({ kind: 'invitation', data: { step: 'brought' } }))).toBe('invitation_brought')
    expect(sentenceOf(item({ kind: 'members.merged' }))).toBe('members_merged')
  })
})
