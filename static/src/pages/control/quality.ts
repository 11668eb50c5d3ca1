import type { Limits } from '@/shared/whip'

/** The picture's shorter side in pixels, best first. */
export const qualities = [720, 540, 360] as const
export type Quality = (typeof qualities)[number]

/** kbit/s that each sends at most, and those below which goods in motion are no more than a slide show. */
const rates: Record<Quality, { most: number; least: number }> = {
  720: { most: 2_500, least: 1_000 },
  540: { most: 1_400, least: 500 },
  360: { most: 700, least: 200 },
}

/** The best sends what the camera or the screen gives. */
export function limitsOf(quality: Quality): Limits {
  return { shortSide: quality === qualities[0] ? null : quality, maxKbps: rates[quality].most }
}

export function suffices(kbps: number, quality: Quality): boolean {
  return kbps >= rates[quality].least
}

/** The next lower one that `kbps` suffices for, or the lowest; null if there is none below. */
export function lowerThan(quality: Quality, kbps: number): Quality | null {
  const below = qualities.filter((one) => one < quality)
  return below.find((one) => suffices(kbps, one)) ?? below.at(-1) ?? null
}

const place = 'picture-quality'

/** For as long as the tab is open: a reload in mid-show must not send more again than the line carries. */
export function keptQuality(): Quality {
  return qualities.find((one) => String(one) === sessionStorage.getItem(place)) ?? qualities[0]
}

export function keepQuality(quality: Quality): void {
  sessionStorage.setItem(place, String(quality))
}
