import { computed, markRaw, onScopeDispose, reactive, ref, shallowReactive, shallowRef, type Ref } from 'vue'
import { ApiProblem, asMember, persist } from '@/shared/api'
import { keepMemberToken, memberToken } from '@/shared/member'
import { deviceName } from '@/shared/device'
import { pinsAnew, pinsOf } from '@/shared/pins'
import { RoomClient, roomAddress, type ConnectionState, type Problem } from '@/shared/room-client'
import { takePrice, takeStock } from '@/shared/sales'
import type { Card, Carried, Gift, Hold, MemberFacts, PublicRoom, RoomFacts, RoomInfo, Sale, Snapshot, TouchTaken } from '@/shared/types'
import { comeIn } from './identity'
import { useTalk } from './talk'

export type Tip = RoomFacts['tip.given']
export type Ticker = RoomFacts['order.ticker'] & { key: number }

/** Close codes after which the room has nothing more for this viewer. */
const closed = { notAllowed: 4520, noSuchRoom: 4521, roomEnded: 4522, banned: 4523 }
/** Said at the picture's door too, perhaps sooner than by the socket. */
const notTaken = new Set(['members-only', 'invited-only'])

/** Everything that the live page knows of its room, kept by the room's socket. */
export function useRoom(id: string, invite: string | null) {
  const info = shallowRef<(RoomInfo & Partial<PublicRoom>) | null>(null)
  const refusal = shallowRef<ApiProblem | null>(null)
  /** What the host shows, the one in front first. */
  const pins = shallowRef<Card[]>([])
  /** As the host counts it. */
  const cards = shallowRef<Card[]>([])
  const order = shallowRef((all: Card[]): Card[] => all)
  /** As the store that carries this viewer arranges it. */
  const shelf = computed(() => order.value(cards.value))
  const carried = shallowRef<Carried | null>(null)
  const sales: Ref<Sale[]> = ref([])
  const holds = shallowRef<Hold[]>([])
  const gifts = shallowRef<Gift[]>([])
  const here = ref<number | null>(null)
  const likes = ref(0)
  const ticker = shallowRef<Ticker | null>(null)
  /** The newest price that the host lowered. */
  const priced = shallowRef<RoomFacts['sale.priced'] | null>(null)
  /** The newest place in a waitlist that became a hold. */
  const promoted = shallowRef<MemberFacts['waitlist.promoted'] | null>(null)
  const tips = shallowReactive<Tip[]>([])
  const mediaAway = ref(false)
  const connection = ref<ConnectionState>('idle')
  const balance = ref<number | null>(null)
  /** Rises whenever one of this viewer's orders changed. */
  const orderNews = ref(0)
  const paid = shallowRef<string | null>(null)
  /** The newest payment that came to nothing; `order_id` null: for the wallet. */
  const failedPayment = shallowRef<{ order_id: string | null } | null>(null)
  let ownLikes = 0
  /** The last problem of this connection: before a close it says why. */
  let told: Problem | null = null

  const client = new RoomClient({
    address: () => roomAddress(location.origin, id, { token: memberToken() }),
    device: deviceName(),
    ...(invite ? { invite } : {}),
  })
  const talk = useTalk(id, client)

  function takeSnapshot(snapshot: Snapshot): void {
    info.value = { ...info.value, ...snapshot.room }
    pins.value = pinsOf(snapshot.pinned, snapshot.beside)
    cards.value = snapshot.shelf
    sales.value = snapshot.sales
    holds.value = snapshot.holds
    gifts.value = snapshot.gifts
    here.value = snapshot.here
    likes.value = Math.max(likes.value, snapshot.likes)
    orderNews.value++
  }

  const stop = client.on('snapshot', () => {
    stop()
    void import('./carried').then(({ followStore }) => followStore(id, client, { carried, order, talk }), () => undefined)
  })

  function dropHold(order: string): void {
    holds.value = holds.value.filter((hold) => hold.order_id !== order)
    orderNews.value++
  }

  client.on('state', (state) => (connection.value = state))
  client.on('snapshot', takeSnapshot)
  client.on('here', (count) => (here.value = count))
  client.on('likes', (count) => (likes.value = Math.max(likes.value, count)))
  client.on('problem', (problem) => (told = problem))
  client.on('welcome', () => {
    told = null
    if (refusal.value?.slug === 'banned') refusal.value = null
  })
  client.on('over', ({ code }) => {
    if (code === closed.roomEnded) change({ state: 'ended' })
    else if (code === closed.noSuchRoom) refusal.value = new ApiProblem('not-found', 404)
    else if (code === closed.banned) sentAway()
    else if (code === closed.notAllowed) refusal.value = new ApiProblem(told?.slug ?? 'forbidden', told?.status ?? 403, told ?? {})
  })
  client.onFact('room', 'room.state', ({ state }) => change({ state }))
  client.onFact('room', 'room.renamed', change)
  client.onFact('room', 'room.audience', change)
  client.onFact('room', 'room.pinned', ({ card, beside }) => (pins.value = pinsOf(card, beside)))
  client.onFact('room', 'shelf.changed', (data) => {
    cards.value = data.shelf
    pins.value = pinsAnew(pins.value, data.shelf)
  })
  client.onFact('room', 'sale.opened', ({ sale }) => {
    sales.value = [sale, ...sales.value.filter((other) => other.sale_id !== sale.sale_id)]
  })
  client.onFact('room', 'sale.closed', ({ sale_id }) => {
    const sale = sales.value.find((other) => other.sale_id === sale_id)
    if (sale) sale.state = 'closed'
  })
  client.onFact('room', 'sale.stock', (told) => takeStock(sales.value, told))
  client.onFact('room', 'sale.priced', (told) => {
    takePrice(sales.value, told)
    priced.value = told
  })
  client.onFact('room', 'order.ticker', (order, position) => {
    ticker.value = { ...order, key: Number(position.split('-')[1]) }
  })
  client.onFact('room', 'tip.given', (tip) => {
    tips.push(tip)
    if (tips.length > 12) tips.shift()
  })
  client.onFact('room', 'media.state', ({ state }) => (mediaAway.value = state === 'away'))
  client.onFact('me', 'hold.created', ({ hold }) => takeHold(hold))
  client.onFact('me', 'hold.extended', ({ order_id, pay_by }) => {
    holds.value = holds.value.map((hold) => (hold.order_id === order_id ? { ...hold, pay_by } : hold))
    orderNews.value++
  })
  client.onFact('me', 'waitlist.promoted', (place) => {
    if (place.room_id === id) promoted.value = place
  })
  client.onFact('me', 'order.paid', ({ order_id }) => {
    dropHold(order_id)
    paid.value = order_id
  })
  client.onFact('me', 'payment.failed', (payment) => (failedPayment.value = payment))
  client.onFact('me', 'order.expired', ({ order_id }) => dropHold(order_id))
  client.onFact('me', 'order.cancelled', ({ order_id }) => dropHold(order_id))
  client.onFact('me', 'order.refunded', () => orderNews.value++)
  client.onFact('me', 'order.fulfilled', () => orderNews.value++)
  client.onFact('me', 'after_sale.moved', () => orderNews.value++)
  client.onFact('me', 'wallet.changed', ({ balance_minor }) => (balance.value = balance_minor))

  function change(news: Partial<RoomInfo>): void {
    if (info.value) info.value = { ...info.value, ...news }
  }

  function sentAway(): void {
    refusal.value = new ApiProblem('banned', 403, told?.slug === 'banned' ? told : {})
  }

  /** `slug`: why the picture is kept from this viewer. */
  function pictureRefused(slug: string): void {
    if (slug === 'banned') sentAway()
    else if (slug === 'room-ended') change({ state: 'ended' })
    else if (notTaken.has(slug)) refusal.value ??= new ApiProblem(slug, 403)
  }

  function takeHold(hold: Hold): void {
    holds.value = [hold, ...holds.value.filter((other) => other.order_id !== hold.order_id)]
    orderNews.value++
  }

  async function look(): Promise<void> {
    const room = await persist(() => asMember<PublicRoom>(`/api/rooms/${encodeURIComponent(id)}/public`))
    info.value = { ...room, ...(connection.value === 'open' ? info.value : {}) }
    if (connection.value === 'open') return
    pins.value = pinsOf(room.pinned, room.beside)
    cards.value = room.shelf ?? []
    sales.value = room.sales ?? []
  }

  /** Shows a public room at once, and counts this viewer in; a refusal may still be lifted by the invitation. */
  async function enter(): Promise<void> {
    refusal.value = null
    const first = look().catch((reason: unknown) => reason)
    try {
      await persist(() => comeIn({ room_id: id }))
      if (invite) await come(invite)
      if ((await first) !== undefined) await lookAgain()
      client.connect()
    } catch (reason) {
      refusal.value = reason instanceof ApiProblem ? reason : new ApiProblem('unknown', 0)
    }
  }

  /** A code that leads nowhere keeps nobody out. */
  async function come(code: string): Promise<void> {
    const touched = persist(() => asMember<TouchTaken>(`/api/invitations/${encodeURIComponent(code)}/touches`, { method: 'POST' }))
    const notice = (await touched.catch(() => null))?.notice
    if (notice) void import('./invited').then(({ tellNotice }) => tellNotice(notice))
  }

  /** A viewer known to another brand of this server is unknown here, and comes in as somebody new. */
  async function lookAgain(): Promise<void> {
    try {
      await look()
    } catch (reason) {
      if (!(reason instanceof ApiProblem) || reason.status !== 404) throw reason
      const known = memberToken()
      keepMemberToken(null)
      try {
        await comeIn({ room_id: id })
        await look()
      } catch (again) {
        keepMemberToken(known)
        throw again
      }
    }
  }

  function like(): void {
    client.like()
    likes.value++
    ownLikes++
  }

  const openSales = computed(() => sales.value.filter((sale) => sale.state === 'open'))

  const wake = (): void => {
    if (document.visibilityState === 'visible') client.wake()
  }
  window.addEventListener('online', wake)
  document.addEventListener('visibilitychange', wake)
  onScopeDispose(() => {
    window.removeEventListener('online', wake)
    document.removeEventListener('visibilitychange', wake)
    client.close()
  })

  return reactive({
    ...talk,
    client: markRaw(client),
    id, info, refusal, pins, cards, shelf, carried, sales, openSales, holds, gifts, here, likes, ticker, priced, promoted, tips,
    mediaAway, connection, balance, orderNews, paid, failedPayment,
    enter, like, takeHold, pictureRefused,
    ownLikes: () => ownLikes,
    /** With the token or name that the viewer has now. */
    reenter: () => client.reconnect(),
  })
}

export type LiveRoom = ReturnType<typeof useRoom>
