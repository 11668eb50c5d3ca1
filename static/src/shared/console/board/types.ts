export type By = 'guides' | 'stores' | 'regions'
export const sorts = ['amount', 'net', 'orders', 'visits', 'new_members', 'conversion'] as const
export type Sort = (typeof sorts)[number]

export interface LineFigures {
  visits: number
  new_members: number
  orders: number
  amount_minor: number
  reversed_minor: number
  net_minor: number
  conversion_bp: number | null
  average_minor: number | null
}

/** `rank` among those asked for, `overall` among all of the room; without `figures` they are not ours to see. */
export interface BoardRow {
  rank: number
  overall: number
  id: string | null
  name: string
  store: { store_id: string; name: string } | null
  own: boolean
  figures: LineFigures | null
}

export interface RoomBoard {
  by: By
  sort: Sort
  at: string
  count: number
  items: BoardRow[]
  next: string | null
  own: BoardRow | null
  totals: LineFigures | null
}

export interface BoardQuery {
  roomId: string
  by: By
  sort: Sort
  storeId?: string
  named?: string
  limit?: number
}

/** A guide may have brought something to two stores. */
export const keyOf = (row: BoardRow): string => `${row.id}/${row.store?.store_id ?? ''}`

/** What a row is ranked by, for its bar. */
export function meritOf(figures: LineFigures, sort: Sort): number {
  const merits: Record<Sort, number> = {
    amount: figures.amount_minor,
    net: figures.net_minor,
    orders: figures.orders,
    visits: figures.visits,
    new_members: figures.new_members,
    conversion: figures.conversion_bp ?? 0,
  }
  return merits[sort]
}
