import { computed, onScopeDispose, reactive, ref, watch } from 'vue'
import { useI18n } from 'vue-i18n'
import type { RoomInfo } from '@/shared/room-client'
import type { Broadcast } from './broadcast'
import { isFair, isStarved, rate, Steady, troubleOf, type Level, type Own, type Seen, type Trouble } from './health'

/** What the bar says: a signal word and its colour. */
export interface Health { level: Level | 'none'; words: string; rate: string }

const lookMs = 1_000
const looksKept = 60
const appearsMs = 3_000
const passesMs = 5_000
const starvedMs = 10_000
/** A new encoder finds its rate first. */
const settlesMs = 5_000
/** Looks that tell what the line carries. */
const carriedLooks = 5

/** How the room's upload does: measured by the server, whoever sends; causes from the own encoder if this page sends. */
export function useUpload(broadcast: Broadcast, info: () => RoomInfo | null, seen: () => Seen | null) {
  const { t } = useI18n()
  const trouble = ref<Trouble | null>(null)
  const fair = ref(false)
  const bitrates = ref<number[]>([])
  /** kbit/s that came through when the trouble was found. */
  const carried = ref(0)
  let settledAt = 0
  const starving = new Steady<true>(starvedMs, passesMs)
  const steadyTrouble = new Steady<Trouble>(appearsMs, passesMs)
  const steadyFair = new Steady<true>(appearsMs, passesMs)

  const own = computed<Own | null>(() => {
    const stats = broadcast.state.value === 'live' ? broadcast.stats.value : null
    return stats && { stats, quality: broadcast.quality.value, source: broadcast.source.value, cameraOn: broadcast.cameraOn.value }
  })
  /** Null while nothing arrives. */
  const arriving = computed(() => {
    const now = seen()
    return now && (now.bitrate_kbps > 0 || now.warning) ? now : null
  })
  const kbps = computed(() => arriving.value?.bitrate_kbps ?? own.value?.stats.bitrateKbps ?? 0)
  const fps = computed(() => Math.round(arriving.value?.fps ?? own.value?.stats.fps ?? 0))

  function look(): void {
    bitrates.value = [...bitrates.value, kbps.value].slice(-looksKept)
    const quiet = info()?.state === 'paused' || !(own.value ?? arriving.value)
    if (quiet) return forget()
    const at = performance.now()
    if (at < settledAt) return
    const starved = starving.next((own.value && isStarved(own.value)) || null, at) === true
    const before = trouble.value
    trouble.value = steadyTrouble.next(troubleOf(arriving.value, own.value, starved), at)
    if (trouble.value !== before) carried.value = mean(bitrates.value.slice(-carriedLooks))
    fair.value = steadyFair.next(isFair(arriving.value, own.value) || null, at) === true
  }

  /** Whatever was wrong was so of another sending. */
  function forget(): void {
    settledAt = performance.now() + settlesMs
    for (const steady of [starving, steadyTrouble, steadyFair]) steady.reset()
    trouble.value = null
    fair.value = false
  }

  const timer = setInterval(look, lookMs)
  onScopeDispose(() => clearInterval(timer))
  watch([broadcast.quality, broadcast.source, broadcast.state], forget)

  const health = computed<Health>(() => {
    const state = broadcast.state.value
    if (state === 'refused') return { level: 'bad', words: t('health.refused'), rate: '' }
    if (state === 'waiting' || state === 'connecting') return { level: 'fair', words: t('health.connecting'), rate: '' }
    if (!own.value && !arriving.value) return { level: 'none', words: t('health.none'), rate: '' }
    const level = trouble.value ? 'bad' : fair.value ? 'fair' : 'good'
    const lacking = trouble.value === 'no-picture' || trouble.value === 'no-sound'
    return { level, words: t(`health.${lacking ? trouble.value : level}`), rate: kbps.value ? rate(kbps.value) : '' }
  })

  return reactive({ health, trouble, carried, own, arriving, kbps, fps, bitrates })
}

export type Upload = ReturnType<typeof useUpload>

const mean = (values: number[]): number => values.reduce((sum, one) => sum + one, 0) / Math.max(1, values.length)
