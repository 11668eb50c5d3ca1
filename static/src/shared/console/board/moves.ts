import { keyOf, type BoardRow } from './types'

/** So long an arrow tells of a rank that changed. */
const shownForMs = 20_000

interface Known { rank: number; moved: number; at: number }

/** How many places each row rose (or fell, below zero) a moment ago. A row that was not seen before rose from nowhere. */
export class Moves {
  private known = new Map<string, Known>()

  take(rows: readonly BoardRow[], now: number): Map<string, number> {
    const moved = new Map<string, number>()
    for (const row of rows) {
      const key = keyOf(row)
      const was = this.known.get(key)
      let own = { rank: row.rank, moved: 0, at: now }
      if (was) {
        const fresh = now - was.at < shownForMs
        if (was.rank === row.rank) own = { ...was, moved: fresh ? was.moved : 0 }
        else own.moved = was.rank - row.rank + (fresh ? was.moved : 0)
      }
      this.known.set(key, own)
      if (own.moved) moved.set(key, own.moved)
    }
    return moved
  }

  forget(): void {
    this.known.clear()
  }
}
