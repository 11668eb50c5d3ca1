import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope } from 'vue'
import type { Job } from '@/shared/console/types'
import { csvOf } from '../import/save'
import { percent, useJob, type FollowedJob } from './jobs'

const job = (state: Job['state'], done = 0, job_id = 'one'): Job =>
  ({ job_id, state, done, total: 10, counts: {}, refusals: [] }) as unknown as Job

type Answer = Job | { items: Job[] } | 'offline'
let answers: Record<string, Answer[]> = {}
let asked: Request[] = []
const kept = new Map<string, string>()

beforeEach(() => {
  answers = {}
  asked = []
  kept.clear()
  vi.useFakeTimers()
  vi.stubGlobal('sessionStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  })
  vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
    asked.push(new Request(`http://shop.example${path}`, init))
    const next = answers[path.split('?')[0]!]?.shift()
    if (next === undefined || next === 'offline') throw new TypeError('away')
    return new Response(JSON.stringify(next), { status: 200 })
  })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

function follow() {
  const ended = vi.fn()
  const scope = effectScope()
  const followed: FollowedJob = scope.run(() => useJob('catalog.import', ended))!
  return { followed, ended, leave: () => scope.stop() }
}

describe('a followed job', () => {
  it('is looked at until it has ended, and its end is told once', async () => {
    answers = { '/sheets': [job('waiting')], '/api/jobs/one': [job('running', 4), job('done', 10)] }
    const { followed, ended } = follow()
    await followed.start('/sheets', new File(['a'], 'tea.csv'))
    await vi.runAllTimersAsync()
    expect(followed.job.value?.state).toBe('done')
    expect(ended).toHaveBeenCalledTimes(1)
  })
  it('is sent again with the same key when the network broke', async () => {
    answers = { '/sheets': ['offline', job('done')] }
    const { followed } = follow()
    const sent = followed.start('/sheets', new File(['a'], 'tea.csv'))
    await vi.runAllTimersAsync()
    await sent
    const keys = asked.map((request) => request.headers.get('idempotency-key'))
    expect(keys).toHaveLength(2)
    expect(keys[0]).toBeTruthy()
    expect(keys[0]).toBe(keys[1])
    expect(asked[0]!.url).toContain('name=tea.csv')
  })
  it('is found again when the page is loaded anew, running or ended', async () => {
    answers = {
      '/api/jobs': [{ items: [job('done', 10, 'old'), job('running', 3)] }],
      '/api/jobs/one': [job('running', 3), job('done', 10)],
    }
    const first = follow()
    await first.followed.find()
    expect(first.followed.job.value?.job_id).toBe('one')
    await vi.runAllTimersAsync()
    first.leave()
    answers = {
      '/api/jobs': [{ items: [job('done', 10, 'newer'), job('done', 10)] }],
      '/api/jobs/one': [job('done', 10)],
    }
    const second = follow()
    await second.followed.find()
    expect(second.followed.job.value?.job_id).toBe('one')
    expect(second.ended).not.toHaveBeenCalled()
    second.followed.putAside()
    expect(kept.size).toBe(0)
  })
  it('is waited for while the server is away', async () => {
    answers = { '/sheets': [job('running')], '/api/jobs/one': ['offline', job('done', 10)] }
    const { followed, ended } = follow()
    await followed.start('/sheets', new File(['a'], 'tea.csv'))
    await vi.advanceTimersByTimeAsync(800)
    expect(followed.away.value).toBe(true)
    await vi.runAllTimersAsync()
    expect(followed.away.value).toBe(false)
    expect(ended).toHaveBeenCalledTimes(1)
  })
  it('is followed no more when it is put aside', async () => {
    answers = { '/sheets': [job('running')], '/api/jobs/one': [job('running', 5)] }
    const { followed } = follow()
    await followed.start('/sheets', new File(['a'], 'tea.csv'))
    followed.putAside()
    await vi.runAllTimersAsync()
    expect(followed.job.value).toBeNull()
    expect(asked).toHaveLength(1)
  })
})

describe('its share', () => {
  it.each([
    [0, 10, 0],
    [9_999, 10_000, 99],
    [10, 10, 100],
    [0, 0, 100],
    [0, null, null],
  ])('%s of %s', (done, total, expected) => expect(percent({ done, total })).toBe(expected))
})

describe('a list of refusals', () => {
  it('is quoted and never a formula', () => {
    const rows = [['row', 'a,b'], [2, '=1+1'], [3, 'say "no"']]
    expect(csvOf(rows).split('\r\n')).toEqual(['row,"a,b"', "2,'=1+1", '3,"say ""no"""', ''])
  })
})
