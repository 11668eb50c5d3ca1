import type { MinuteFigures } from '../types'

export interface Mark { at: string; kind: string; label: string }

/** Columns for the chart: epoch seconds, viewers, orders. Minutes in which nothing was counted are filled in. */
export function columns(minutes: MinuteFigures[]): [number[], (number | null)[], number[]] {
  const byMinute = new Map(minutes.map((minute) => [Math.floor(new Date(minute.at).getTime() / 60_000), minute]))
  const all = [...byMinute.keys()]
  if (!all.length) return [[], [], []]
  const last = Math.max(...all)
  // A day at most: a room left open for a week must not draw ten thousand bars.
  const first = Math.max(Math.min(...all), last - 1_440)
  const at: number[] = []
  const watching: (number | null)[] = []
  const orders: number[] = []
  for (let minute = first; minute <= last; minute++) {
    at.push(minute * 60)
    watching.push(byMinute.get(minute)?.watching ?? null)
    orders.push(byMinute.get(minute)?.orders ?? 0)
  }
  return [at, watching, orders]
}

/** Marks whose minute is this one. */
export function marksAt(marks: Mark[], second: number): Mark[] {
  return marks.filter((mark) => Math.floor(new Date(mark.at).getTime() / 60_000) === Math.floor(second / 60))
}
