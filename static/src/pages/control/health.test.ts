import { describe, expect, test } from 'vitest'
import type { PublisherStats } from '@/shared/whip'
import { isFair, isStarved, rate, Steady, troubleOf, type Own, type Seen } from './health'
import { limitsOf, lowerThan, qualities } from './quality'

const seenWith = (changes: Partial<Seen> = {}): Seen => ({
  bitrate_kbps: 1_800,
  fps: 30,
  loss: 0,
  rtt_ms: 20,
  keyframe_interval_s: 2,
  viewers: 12,
  warning: null,
  ...changes,
})
const ownWith = (stats: Partial<PublisherStats> = {}, changes: Partial<Own> = {}): Own => ({
  stats: {
    bitrateKbps: 1_800,
    targetKbps: 2_500,
    fps: 30,
    sourceFps: 30,
    width: 1_280,
    height: 720,
    limitedBy: 'none',
    ...stats,
  },
  quality: 720,
  source: 'camera',
  cameraOn: true,
  ...changes,
})

describe('what is wrong', () => {
  test('is nothing while frames come as they should', () => {
    expect(troubleOf(seenWith(), ownWith(), false)).toBeNull()
    expect(troubleOf(seenWith(), null, false)).toBeNull()
    expect(troubleOf(null, ownWith(), false)).toBeNull()
  })

  test("is what the server says of another's upload, if this page knows the word", () => {
    expect(troubleOf(seenWith({ warning: 'upload-too-slow' }), null, false)).toBe('upload-too-slow')
    expect(troubleOf(seenWith({ warning: 'of-tomorrow' }), null, false)).toBeNull()
  })

  test('is the line when the own encoder starves, whatever the server sees of it', () => {
    for (const warning of [null, 'packets-lost', 'low-frame-rate']) {
      expect(troubleOf(seenWith({ warning }), ownWith(), true)).toBe('upload-too-slow')
    }
  })

  test('is the computer when its encoder is held back by it', () => {
    const own = ownWith({ limitedBy: 'cpu', fps: 12 })
    expect(troubleOf(seenWith({ warning: 'upload-too-slow', fps: 12 }), own, false)).toBe('low-frame-rate')
    expect(troubleOf(seenWith(), own, false)).toBe('low-frame-rate')
    expect(troubleOf(seenWith(), ownWith({ limitedBy: 'cpu', fps: 28 }), false)).toBeNull()
  })

  test('is the camera when it gives few frames itself; of a screen where nothing moves that is right', () => {
    const seen = seenWith({ warning: 'upload-too-slow', fps: 5 })
    expect(troubleOf(seen, ownWith({ sourceFps: 5, fps: 5 }), false)).toBe('few-frames')
    expect(troubleOf(seen, ownWith({ sourceFps: 5, fps: 5 }, { source: 'screen' }), false)).toBeNull()
  })

  test('is never the picture while the camera is off by choice', () => {
    const own = ownWith({}, { cameraOn: false })
    expect(troubleOf(seenWith({ warning: 'no-picture' }), own, true)).toBeNull()
    expect(troubleOf(seenWith({ warning: 'no-sound' }), own, false)).toBe('no-sound')
    expect(isFair(seenWith({ fps: 1 }), own)).toBe(false)
  })
})

describe('an encoder starves', () => {
  test('when it aims below what its picture needs, even if the browser names no cause', () => {
    expect(isStarved(ownWith({ targetKbps: 400 }))).toBe(true)
    expect(isStarved(ownWith({ targetKbps: 400 }, { quality: 360 }))).toBe(false)
    expect(isStarved(ownWith({ targetKbps: null }))).toBe(false)
  })

  test('when the browser says that the line holds it back and frames are missing', () => {
    expect(isStarved(ownWith({ limitedBy: 'bandwidth', targetKbps: null, fps: 12 }))).toBe(true)
    expect(isStarved(ownWith({ limitedBy: 'bandwidth', fps: 30 }))).toBe(false)
  })

  test('not when the computer is too slow, nor when a still screen asks for little', () => {
    expect(isStarved(ownWith({ limitedBy: 'cpu', targetKbps: 400 }))).toBe(false)
    expect(isStarved(ownWith({ targetKbps: 400 }, { source: 'screen' }))).toBe(false)
  })
})

test('a picture is fair with some loss or few frames', () => {
  expect(isFair(seenWith({ loss: 0.03 }), ownWith())).toBe(true)
  expect(isFair(seenWith({ fps: 17 }), null)).toBe(true)
  expect(isFair(seenWith(), ownWith({ fps: 17 }))).toBe(true)
  expect(isFair(seenWith(), ownWith())).toBe(false)
  expect(isFair(null, null)).toBe(false)
})

describe('a finding', () => {
  const shown = (...found: (string | null)[]): (string | null)[] => {
    const steady = new Steady<string>(3_000, 5_000)
    return found.map((one, second) => steady.next(one, second * 1_000))
  }

  test('is shown once it has lasted', () => {
    expect(shown('slow', 'slow', 'slow', 'slow')).toEqual([null, null, null, 'slow'])
  })

  test('that comes and goes is not shown', () => {
    expect(shown('slow', 'slow', null, 'slow', 'slow', null)).toEqual(Array(6).fill(null))
  })

  test('goes after enough good, and one bad moment between starts that anew', () => {
    const bad = ['slow', 'slow', 'slow', 'slow']
    expect(shown(...bad, null, null, null, null, null, null).slice(4)).toEqual([...Array(5).fill('slow'), null])
    expect(shown(...bad, null, null, null, 'slow', null, null, null).slice(4)).toEqual(Array(7).fill('slow'))
  })

  test('gives way to another that has lasted, not to one that comes by', () => {
    const bad = ['slow', 'slow', 'slow', 'slow']
    expect(shown(...bad, 'lost', 'slow', 'slow').slice(4)).toEqual(['slow', 'slow', 'slow'])
    expect(shown(...bad, 'lost', 'lost', 'lost').slice(4)).toEqual(['slow', 'slow', 'lost'])
  })

  test('counts when troubles take turns', () => {
    expect(shown('slow', 'lost', 'slow', 'lost').at(-1)).toBe('lost')
  })
})

describe('quality', () => {
  test('goes down to what the line carries, else to the lowest', () => {
    expect(lowerThan(720, 900)).toBe(540)
    expect(lowerThan(720, 350)).toBe(360)
    expect(lowerThan(720, 50)).toBe(360)
    expect(lowerThan(540, 1_200)).toBe(360)
    expect(lowerThan(360, 50)).toBeNull()
  })

  test('sends less with each step', () => {
    expect(qualities.map(limitsOf)).toEqual([
      { shortSide: null, maxKbps: 2_500 },
      { shortSide: 540, maxKbps: 1_400 },
      { shortSide: 360, maxKbps: 700 },
    ])
  })
})

test('rates are written as hosts read them', () => {
  expect([rate(0), rate(940), rate(2_449)]).toEqual(['0 kbps', '940 kbps', '2.4 Mbps'])
})
