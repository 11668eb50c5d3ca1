import type { StockPool } from '@/shared/types'

/** Where units can be moved between: headquarters, a store, a room, a guide from outside. */
export interface Place { pool: 'headquarters' | 'store' | 'room' | 'guide'; id?: string }
export interface Move { source: Place; target: Place; quantity: number }

/** A place as a choice's value, and back. */
export const keyOf = ({ pool, id }: Place): string => (id ? `${pool}:${id}` : pool)
export function placeOf(key: string): Place {
  const [pool, id] = key.split(':') as [Place['pool'], string | undefined]
  return id ? { pool, id } : { pool }
}
export const keyOfPool = ({ pool, pool_id }: StockPool): string => (pool === 'headquarters' ? pool : `${pool}:${pool_id}`)

/** What a running sale has is its own: it ends there or comes back by itself. */
export const gives = (pool: StockPool): boolean => pool.pool !== 'sale' && pool.free > 0

export const freeAt = (pools: readonly StockPool[], key: string): number => pools.find((pool) => keyOfPool(pool) === key)?.free ?? 0

/** The way back. */
export const reversed = ({ source, target, quantity }: Move): Move => ({ source: target, target: source, quantity })

/** A whole number above zero, or null. */
export const unitsTyped = (text: string): number | null => (/^[1-9]\d{0,6}$/.test(text.trim()) ? Number(text) : null)
