import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import { api, type ApiProblem } from '@/shared/api'
import { caught } from '@/shared/console/loading'
import { account, afterRefusal, homeOf, isOutside, mustBeHere } from '@/shared/console/session'
import type { Arrival, BoardFigures, Credit, GuidePage, RoomRow, StoreBoard } from '@/shared/console/types'
import { RoomClient, storeAddress, type ConnectionState } from '@/shared/room-client'
import type { Order, Page } from '@/shared/types'

export interface Shown {
  store: { store_id: string; name: string } | null
  figures: Pick<BoardFigures, 'visits' | 'orders' | 'amount_minor' | 'net_minor'>
  guides: StoreBoard['guides']
  arrivals: Arrival[]
  credits: Credit[]
  orders: Order[]
}

async function readGuide(): Promise<Shown> {
  const page = await api<GuidePage>('/api/guide')
  const { visits, orders, amount_minor, credited_minor } = page.totals
  return {
    store: page.store,
    figures: { visits, orders, amount_minor, net_minor: credited_minor },
    guides: [],
    arrivals: page.arrivals,
    credits: page.credits,
    orders: page.orders,
  }
}

async function readStore(id: string, roomId: string | null): Promise<Shown> {
  const [board, arrivals, credits, orders] = await Promise.all([
    api<StoreBoard>(`/api/stores/${id}/board`, { query: { room_id: roomId } }),
    api<Page<Arrival>>(`/api/stores/${id}/arrivals`),
    api<Page<Credit>>(`/api/stores/${id}/credits`),
    api<Page<Order>>(`/api/stores/${id}/orders`),
  ])
  return {
    store: board.store,
    figures: board.totals,
    guides: board.guides,
    arrivals: arrivals.items,
    credits: credits.items,
    orders: orders.items,
  }
}

/** The page of a guide from outside, who has no store: `/store/me`. */
export const OWN = 'me'

/**
 * A manager's (and headquarters') view of a store, or a guide's of what is their own; kept fresh by the store's socket,
 * and where there is no store by asking now and then.
 */
export function useStore(id: string) {
  const shown = shallowRef<Shown | null>(null)
  const rooms = shallowRef<RoomRow[]>([])
  const problem = shallowRef<ApiProblem | null>(null)
  const connection = ref<ConnectionState>('idle')
  /** Figures of one room only; a guide's are of all rooms. */
  const figuresOf = ref<string | null>(null)
  const fresh = ref(new Set<string>())
  /** Rises whenever a case took a step. */
  const cases = ref(0)
  /** Rises whenever an appeal was made or decided. */
  const disputes = ref(0)
  const client = new RoomClient({ address: () => storeAddress(location.origin, id) })

  const guide = computed(() => id === OWN || account.value?.role === 'guide')
  const mine = (guideId: string | null | undefined): boolean => !guide.value || guideId === account.value?.account_id

  let round = 0
  async function read(): Promise<void> {
    const asked = ++round
    try {
      const answer = await (guide.value ? readGuide() : readStore(id, figuresOf.value))
      if (asked !== round) return
      shown.value = answer
      problem.value = null
    } catch (reason) {
      if (asked === round && !shown.value) problem.value = caught(reason)
    }
  }

  /** Facts come in bursts: one reading serves them all. */
  let waiting: ReturnType<typeof setTimeout> | undefined
  function readSoon(): void {
    clearTimeout(waiting)
    waiting = setTimeout(read, 250)
  }

  async function readRooms(): Promise<void> {
    const states = ['live', 'paused', 'warming', 'planned']
    const page = await api<Page<RoomRow>>('/api/rooms').catch(() => ({ items: [] as RoomRow[], next: null }))
    rooms.value = page.items
      .filter((room) => states.includes(room.state) && (!room.store || room.store.store_id === id))
      .sort((a, b) => states.indexOf(a.state) - states.indexOf(b.state))
  }

  function show(key: string): void {
    fresh.value.add(key)
    setTimeout(() => fresh.value.delete(key), 6_000)
  }

  client.on('state', (state) => (connection.value = state))
  client.on('over', afterRefusal)
  // Whatever was missed past resuming is in what is read now.
  client.on('snapshot', readSoon)
  client.onFact('store', 'arrival', (arrival) => {
    if (!mine(arrival.guide_id)) return
    show(arrival.member_id)
    readSoon()
  })
  client.onFact('store', 'credit.earned', (credit) => {
    if (!mine(credit.guide?.account_id)) return
    show(credit.credit_id)
    readSoon()
  })
  client.onFact('store', 'credit.reversed', (credit) => {
    if (!mine(credit.guide?.account_id)) return
    show(credit.credit_id)
    readSoon()
  })
  client.onFact('store', 'credit.disputed', () => disputes.value++)
  client.onFact('store', 'dispute.decided', () => {
    disputes.value++
    readSoon()
  })
  client.onFact('store', 'order.paid', (order) => mine(order.guide_id) && readSoon())
  client.onFact('store', 'order.refunded', readSoon)
  client.onFact('store', 'after_sale.moved', () => cases.value++)

  async function open(): Promise<void> {
    problem.value = null
    try {
      const here = await mustBeHere()
      if (id === OWN ? !isOutside(here.role) : isOutside(here.role)) return location.replace(homeOf(here))
      await Promise.all([read(), readRooms()])
      if (!problem.value && id !== OWN) client.connect()
    } catch (reason) {
      problem.value = caught(reason)
    }
  }

  const wake = (): void => {
    if (id !== OWN) client.wake()
    readSoon()
    void readRooms()
  }
  const seen = (): void => void (document.hidden || wake())
  addEventListener('online', wake)
  document.addEventListener('visibilitychange', seen)
  const timer = setInterval(() => document.hidden || readRooms(), 30_000)
  const looking = setInterval(() => id === OWN && shown.value && !document.hidden && read(), 8_000)
  onScopeDispose(() => {
    removeEventListener('online', wake)
    document.removeEventListener('visibilitychange', seen)
    clearInterval(timer)
    clearInterval(looking)
    clearTimeout(waiting)
    client.close()
  })

  return { client, shown, rooms, problem, connection, figuresOf, fresh, cases, disputes, guide, open, read }
}

export type StoreNow = ReturnType<typeof useStore>
