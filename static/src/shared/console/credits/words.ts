import { say } from '@/shared/i18n'
import './texts'

/** Who carries: store and guide, a store alone, a guide alone, or the brand. */
export function carrierWords(store: { name: string } | null, guide: { name: string } | null): string {
  if (guide) return [guide.name, store?.name].filter(Boolean).join(' · ')
  return store ? say('credits.storeOnly', { store: store.name }) : say('credits.brand')
}

/** 555 basis points → `5.55%`. */
export const percent = (bp: number): string => `${points(bp)}%`

/** 555 basis points → `5.55`, 500 → `5`. */
export const points = (bp: number): string => String(bp / 100)

/** `5.55` → 555 basis points; null for what is no rate from 0 to 100 with two decimals at most. */
export function parsePoints(text: string): number | null {
  if (!/^\d{1,3}(\.\d{1,2})?$/.test(text.trim())) return null
  const bp = Math.round(Number(text) * 100)
  return bp <= 10_000 ? bp : null
}
