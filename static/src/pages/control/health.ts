import type { PublisherStats } from '@/shared/whip'
import type { ControlFacts } from '@/shared/room-client'
import { suffices, type Quality } from './quality'

export type Seen = ControlFacts['media.health']
const troubles = ['no-picture', 'no-sound', 'upload-too-slow', 'packets-lost', 'low-frame-rate', 'few-frames'] as const
/** The first five as the server warns; `few-frames`: the camera itself gives hardly any. */
export type Trouble = (typeof troubles)[number]
export type Level = 'good' | 'fair' | 'bad'

/** What this page sends itself. */
export interface Own {
  stats: PublisherStats
  quality: Quality
  source: 'camera' | 'screen'
  cameraOn: boolean
}

const fewFps = 15
const smoothFps = 20
const fairLoss = 0.02

/** The one thing to mend first. The own encoder knows causes that the server can't tell apart. */
export function troubleOf(seen: Seen | null, own: Own | null, starving: boolean): Trouble | null {
  const said = troubles.find((one) => one === seen?.warning) ?? null
  if (!own || said === 'no-sound') return said
  if (!own.cameraOn) return null
  if (said === 'no-picture') return said
  if (starving) return 'upload-too-slow'
  const { fps, sourceFps, limitedBy } = own.stats
  if (said === 'upload-too-slow' || said === 'low-frame-rate') {
    // A screen where nothing moves gives few frames, and needs no more.
    if (sourceFps < fewFps) return own.source === 'screen' ? null : 'few-frames'
    return limitedBy === 'cpu' ? 'low-frame-rate' : said
  }
  if (!said && limitedBy === 'cpu' && fps < smoothFps) return 'low-frame-rate'
  return said
}

/** The line carries less than this picture needs, seen from the encoder. So does every start: count only what lasts. */
export function isStarved({ stats, quality, source, cameraOn }: Own): boolean {
  if (!cameraOn || stats.limitedBy === 'cpu') return false
  if (stats.limitedBy === 'bandwidth' && stats.fps < smoothFps) return true
  return source === 'camera' && stats.targetKbps !== null && !suffices(stats.targetKbps, quality)
}

/** Neither smooth nor in trouble. */
export function isFair(seen: Seen | null, own: Own | null): boolean {
  if ((seen?.loss ?? 0) > fairLoss) return true
  if (own) return own.cameraOn && own.source === 'camera' && own.stats.fps < smoothFps
  return seen !== null && seen.fps < smoothFps
}

/** Shows a finding that has lasted, and lets go of it when none was there for long enough: words that don't flicker. */
export class Steady<T> {
  shown: T | null = null
  private foundAt: number | null = null
  private shownAt = 0
  private goneAt: number | null = null

  constructor(
    private readonly appearsMs: number,
    private readonly passesMs: number,
  ) {}

  /** `found` at this moment; what to show. */
  next(found: T | null, atMs: number): T | null {
    if (found === null) {
      this.foundAt = null
      this.goneAt ??= atMs
      if (atMs - this.goneAt >= this.passesMs) this.shown = null
      return this.shown
    }
    this.goneAt = null
    this.foundAt ??= atMs
    const since = this.shown === null ? this.foundAt : this.shownAt
    if (found === this.shown || atMs - since >= this.appearsMs) {
      this.shown = found
      this.shownAt = atMs
    }
    return this.shown
  }

  reset(): void {
    this.shown = this.foundAt = this.goneAt = null
  }
}

export function rate(kbps: number): string {
  return kbps >= 1_000 ? `${(kbps / 1_000).toFixed(1)} Mbps` : `${Math.round(kbps)} kbps`
}
