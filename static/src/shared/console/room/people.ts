import { reactive, ref } from 'vue'
import { api } from '@/shared/api'
import type { RoomClient } from '@/shared/room-client'

export interface Person { store: string | null; tags: string[] }
interface ViewerHere {
  member_id: string
  name: string
  store: { store_id: string; name: string } | null
  guide: { account_id: string; name: string } | null
  tags: string[]
}

/** Tags worth a host's glance; everybody is new to somebody. */
const shownTags = new Set(['regular', 'buyer'])

/** Who the viewers are: their store and guide, and the names that later facts give only by id. */
export function usePeople(roomId: string, client: RoomClient) {
  const known = ref(new Map<string, Person>())
  const names = reactive(new Map<string, string>())

  function meet(viewer: ViewerHere): void {
    if (viewer.store) names.set(viewer.store.store_id, viewer.store.name)
    if (viewer.guide) names.set(viewer.guide.account_id, viewer.guide.name)
    known.value.set(viewer.member_id, { store: viewer.store?.name ?? null, tags: viewer.tags.filter((tag) => shownTags.has(tag)) })
  }

  client.onFact('control', 'viewer.entered', meet)

  async function load(): Promise<void> {
    const here = await api<{ items: ViewerHere[] }>(`/api/rooms/${roomId}/viewers`)
    here.items.forEach(meet)
  }

  return { known, names, load, nameOf: (id: string | null): string | null => (id ? (names.get(id) ?? null) : null) }
}

export type People = ReturnType<typeof usePeople>
