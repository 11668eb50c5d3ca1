import { say } from '../i18n'
import type { Reach, ReachView } from './types'

export const everywhere = (): Reach => ({ kind: 'all', region_id: null, store_ids: [] })

/** What is missing, in words, or nothing. */
export function missingOf({ kind, region_id, store_ids }: Reach): string {
  if (kind === 'region' && !region_id) return say('console.reach.regionMissing')
  return kind === 'stores' && !store_ids.length ? say('console.reach.storesMissing') : ''
}

export const isSame = (one: Reach, other: Reach): boolean =>
  one.kind === other.kind &&
  (one.kind !== 'region' || one.region_id === other.region_id) &&
  (one.kind !== 'stores' || (one.store_ids.length === other.store_ids.length && one.store_ids.every((id) => other.store_ids.includes(id))))

/** 全部门店, 华东 · 12 家门店, 3 家门店. */
export function reachWords({ kind, region, stores }: ReachView): string {
  if (kind === 'all') return say('console.reach.all')
  const count = say('console.reach.count', { n: stores })
  return region ? `${region.name} · ${count}` : count
}
