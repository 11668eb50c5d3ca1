import { onScopeDispose, ref, type Ref } from 'vue'
import { language, say } from './i18n'

let offset = 0

/**
 * Countdowns follow the server's clock, not the phone's. `date` is an answer's Date header (whole seconds), between
 * `sent` and now on the phone's clock; a difference that this can't tell from none changes nothing.
 */
export function learnServerTime(date: string, sent: number = Date.now()): void {
  const received = Date.now()
  const server = new Date(date).getTime() + 500
  const unsure = (received - sent) / 2 + 1_000
  const difference = server - (sent + received) / 2
  if (Number.isFinite(server) && Math.abs(difference - offset) > unsure) offset = Math.abs(difference) > unsure ? difference : 0
}

export function serverNow(): number {
  return Date.now() + offset
}

/** Ticks each second while the component lives. */
export function useNow(everyMs = 1_000): Ref<number> {
  const now = ref(serverNow())
  const timer = setInterval(() => (now.value = serverNow()), everyMs)
  onScopeDispose(() => clearInterval(timer))
  return now
}

const two = (n: number): string => String(n).padStart(2, '0')

/** 00:41, 12:05, 1:02:03; never below zero. */
export function countdown(until: string | number, now: number): string {
  const left = Math.max(0, Math.floor((new Date(until).getTime() - now) / 1_000))
  return clock(left)
}

export function clock(seconds: number): string {
  const hours = Math.floor(seconds / 3_600)
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return hours ? `${hours}:${rest}` : rest
}

/** Relative, in words; put `exact(at)` in the title attribute. */
export function ago(at: string, now: number = serverNow()): string {
  const then = new Date(at)
  const seconds = Math.round((now - then.getTime()) / 1_000)
  if (seconds < 60) return say('ago.now')
  if (seconds < 3_600) return say('ago.minutes', { n: Math.floor(seconds / 60) })
  if (seconds < 86_400) return say('ago.hours', { n: Math.floor(seconds / 3_600) })
  if (seconds < 172_800) return say('ago.yesterday', { time: `${two(then.getHours())}:${two(then.getMinutes())}` })
  if (seconds < 7 * 86_400) return say('ago.days', { n: Math.floor(seconds / 86_400) })
  return then.toLocaleDateString(language.value)
}

export function exact(at: string): string {
  return new Date(at).toLocaleString(language.value, { dateStyle: 'medium', timeStyle: 'medium' })
}
