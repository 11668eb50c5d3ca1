import { reactive } from 'vue'
import { ApiProblem, asMember, persist } from '@/shared/api'
import type { Place } from '@/shared/types'

const shelf = 'showfloor.waiting'
type Places = Record<string, Place>

function remember(places: Places): void {
  try {
    localStorage.setItem(shelf, JSON.stringify(Object.keys(places)))
  } catch {
    // Without storage the place is still kept by the server; a tap shows it again.
  }
}

function remembered(): string[] {
  try {
    return JSON.parse(localStorage.getItem(shelf) ?? '[]') as string[]
  } catch {
    return []
  }
}

/** This viewer's places in the waitlists of a room's sales, by sale. */
export function useWaiting(room: string) {
  const places = reactive<Places>({})
  const at = (sale: string): string => `/api/rooms/${room}/flash-sales/${sale}/waitlist`

  function put(place: Place): void {
    places[place.sale_id] = place
    remember(places)
  }

  function drop(sale: string): void {
    delete places[sale]
    remember(places)
  }

  /** A second time it is the same place. */
  async function join(sale: string, body: unknown): Promise<void> {
    put(await persist(() => asMember<Place>(at(sale), { body })))
  }

  /** Where it stands by now; dropped where there is none any more. */
  async function look(sale: string): Promise<void> {
    try {
      put(await asMember<Place>(at(sale)))
    } catch (reason) {
      if (reason instanceof ApiProblem && reason.status === 404) drop(sale)
    }
  }

  async function leave(sale: string): Promise<void> {
    await persist(() => asMember(at(sale), { method: 'DELETE' }))
    drop(sale)
  }

  /** After the page was opened anew. */
  function recall(open: readonly string[]): void {
    for (const sale of remembered()) if (open.includes(sale) && !places[sale]) void look(sale)
  }

  return { places, join, look, leave, drop, recall }
}

export type Waitlists = ReturnType<typeof useWaiting>
