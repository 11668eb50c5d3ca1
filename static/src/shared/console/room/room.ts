import { onScopeDispose, reactive, toRefs } from 'vue'
import { pinsAnew, pinsOf } from '@/shared/pins'
import {
  RoomClient,
  roomAddress,
  type Card,
  type ConnectionState,
  type ControlFacts,
  type RoomInfo,
  type Sale,
  type Snapshot,
  type You,
} from '@/shared/room-client'
import { takePrice, takeStock } from '@/shared/sales'

interface RoomNow {
  connection: ConnectionState
  info: RoomInfo | null
  you: You | null
  /** The one in front first. */
  pins: Card[]
  shelf: Card[]
  sales: Sale[]
  here: number
  likes: number
  health: ControlFacts['media.health'] | null
  playing: boolean
  /** The server asked not to come back (no such room, not allowed). */
  closedWith: number | null
}

/** What the room's socket tells, kept as it stands now. */
export function useRoom(id: string) {
  const client = new RoomClient({ address: () => roomAddress(location.origin, id, { view: 'control' }) })
  const now = reactive<RoomNow>({
    connection: 'idle',
    info: null,
    you: null,
    pins: [],
    shelf: [],
    sales: [],
    here: 0,
    likes: 0,
    health: null,
    playing: false,
    closedWith: null,
  })
  client.on('state', (state) => (now.connection = state))
  client.on('over', ({ code }) => (now.closedWith = code))
  client.on('welcome', ({ you }) => (now.you = you))
  client.on('snapshot', (snapshot) => takeSnapshot(now, snapshot))
  client.on('here', (here) => (now.here = here))
  client.on('likes', (likes) => (now.likes = likes))
  followShow(client, now)
  followSales(client, now)
  const wake = (): void => client.wake()
  addEventListener('online', wake)
  onScopeDispose(() => {
    removeEventListener('online', wake)
    client.close()
  })
  return { client, ...toRefs(now) }
}

export type Room = ReturnType<typeof useRoom>

function takeSnapshot(now: RoomNow, snapshot: Snapshot): void {
  now.info = snapshot.room
  now.pins = pinsOf(snapshot.pinned, snapshot.beside)
  now.shelf = snapshot.shelf
  now.sales = snapshot.sales
  now.here = snapshot.here
  now.likes = snapshot.likes
}

function followShow(client: RoomClient, now: RoomNow): void {
  client.onFact('room', 'room.state', ({ state, at }) => {
    if (!now.info) return
    now.info.state = state
    if (state === 'live') now.info.started_at ??= at
  })
  client.onFact('room', 'room.renamed', ({ title }) => now.info && (now.info.title = title))
  client.onFact('room', 'room.audience', ({ audience }) => now.info && (now.info.audience = audience))
  client.onFact('room', 'room.pinned', ({ card, beside }) => (now.pins = pinsOf(card, beside)))
  client.onFact('room', 'shelf.changed', ({ shelf }) => {
    now.shelf = shelf
    now.pins = pinsAnew(now.pins, shelf)
  })
  client.onFact('room', 'media.state', ({ state }) => (now.playing = state === 'playing'))
  client.onFact('control', 'media.health', (health) => (now.health = health))
}

function followSales(client: RoomClient, now: RoomNow): void {
  client.onFact('room', 'sale.opened', ({ sale }) => {
    now.sales = [...now.sales.filter((one) => one.sale_id !== sale.sale_id), sale]
  })
  client.onFact('room', 'sale.closed', ({ sale_id }) => {
    const sale = now.sales.find((one) => one.sale_id === sale_id)
    if (sale) sale.state = 'closed'
  })
  client.onFact('room', 'sale.stock', (told) => takeStock(now.sales, told))
  client.onFact('room', 'sale.priced', (told) => takePrice(now.sales, told))
}
