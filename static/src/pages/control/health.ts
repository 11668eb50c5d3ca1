import type { PublisherState, PublisherStats } from '@/shared/whip'
import type { ControlFacts } from '@/shared/room-client'

export interface Health { level: 'none' | 'good' | 'fair' | 'bad'; words: string; rate: string; detail: string }
type Say = (key: string, values?: Record<string, unknown>) => string

/** Own sending first, because it is nearest the cause; else what the server measures of whoever sends. */
export function healthOf(state: PublisherState, stats: PublisherStats | null, seen: ControlFacts['media.health'] | null, t: Say): Health {
  if (state === 'refused') return { level: 'bad', words: t('health.refused'), rate: '', detail: '' }
  if (state === 'waiting' || state === 'connecting') return { level: 'fair', words: t('health.connecting'), rate: '', detail: '' }
  if (state === 'live' && stats) {
    const level = stats.fps < 12 || stats.lossPercent > 8 ? 'bad' : stats.fps < 22 || stats.lossPercent > 3 ? 'fair' : 'good'
    return { level, words: t(`health.${level}`), rate: rate(stats.bitrateKbps), detail: t('health.detail', { ...detailOf(stats) }) }
  }
  if (seen && seen.bitrate_kbps > 0) {
    const level = seen.warning ? 'fair' : 'good'
    return { level, words: t(`health.${level}`), rate: rate(seen.bitrate_kbps), detail: seen.warning ?? '' }
  }
  return { level: 'none', words: t('health.none'), rate: '', detail: '' }
}

export function rate(kbps: number): string {
  return kbps >= 1_000 ? `${(kbps / 1_000).toFixed(1)} Mbps` : `${Math.round(kbps)} kbps`
}

function detailOf(stats: PublisherStats): Record<string, string | number> {
  return {
    size: `${stats.width}×${stats.height}`,
    fps: stats.fps,
    loss: stats.lossPercent.toFixed(1),
    rtt: stats.rttMs ?? '–',
  }
}
