import { asMember } from '@/shared/api'
import { arranged } from '@/shared/arranged'
import type { RoomClient } from '@/shared/room-client'
import { serverNow } from '@/shared/time'
import type { Card, Carried } from '@/shared/types'
import type { Talk } from './talk'

const tries = 6
/** A store's viewers read anew within this time, not all at once. */
const spreadMs = 2_000

interface Shown {
  carried: { value: Carried | null }
  /** How the shelf is ordered for this viewer. */
  order: { value: (cards: Card[]) => Card[] }
  talk: Pick<Talk, 'showLine' | 'hideLine'>
}

/** What the store that carries this viewer shows them: read now, after each snapshot, and whenever the store changed it. */
export function followStore(id: string, client: RoomClient, { carried, order, talk }: Shown): void {
  let waiting: ReturnType<typeof setTimeout> | undefined

  /** The visit, which fixes who carries the viewer, is written a moment after they came. */
  async function read(attempt = 0): Promise<void> {
    const now = await asMember<Carried>(`/api/rooms/${encodeURIComponent(id)}/carried`).catch(() => null)
    if (now?.entered) show(now)
    else if (attempt < tries) readIn(1_000 * 2 ** attempt * (0.5 + Math.random()), attempt + 1)
  }

  function readIn(ms: number, attempt = 0): void {
    clearTimeout(waiting)
    waiting = setTimeout(() => void read(attempt), ms)
  }

  function show(now: Carried): void {
    const before = carried.value
    carried.value = now
    order.value = (cards) => arranged(cards, now.shelf_order)
    if (now.greeting === (before?.greeting ?? '') && now.guide?.name === before?.guide?.name) return
    if (!now.greeting) return talk.hideLine('greeting')
    const name = [now.store?.name, now.guide?.name].filter(Boolean).join(' · ')
    talk.showLine({ id: 'greeting', member_id: '', name, role: 'member', text: now.greeting, at: new Date(serverNow()).toISOString() })
  }

  client.on('snapshot', () => readIn(0))
  client.onFact('room', 'carrying.changed', ({ store_id }) => {
    if (store_id === carried.value?.store?.store_id) readIn(Math.random() * spreadMs)
  })
  readIn(0)
}
