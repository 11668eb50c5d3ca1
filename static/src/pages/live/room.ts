import { computed, onScopeDispose, reactive, ref, shallowReactive, shallowRef, type Ref } from 'vue'
import { ApiProblem, asMember, persist } from '@/shared/api'
import { keepMemberToken, memberToken } from '@/shared/member'
import { RoomClient, roomAddress, RoomProblem, type ConnectionState } from '@/shared/room-client'
import type { Card, ChatLine, Gift, Hold, PublicRoom, RoomFacts, RoomInfo, Sale, Snapshot, Talk } from '@/shared/types'
import { serverNow } from '@/shared/time'
import { comeIn } from './identity'

export type Line = ChatLine & { pending?: boolean }
export type Tip = RoomFacts['tip.given']
export type Ticker = RoomFacts['order.ticker'] & { key: number }

const mostLines = 120
/** Close codes after which the room has nothing more for this viewer. */
const closed = { notAllowed: 4520, noSuchRoom: 4521, roomEnded: 4522, banned: 4523 }

/** Everything that the live page knows of its room, kept by the room's socket. */
export function useRoom(id: string, invite: string | null) {
  const info = shallowRef<(RoomInfo & Partial<PublicRoom>) | null>(null)
  const refusal = shallowRef<ApiProblem | null>(null)
  const pinned = shallowRef<Card | null>(null)
  const shelf = shallowRef<Card[]>([])
  const sales: Ref<Sale[]> = ref([])
  const holds = shallowRef<Hold[]>([])
  const gifts = shallowRef<Gift[]>([])
  const here = ref<number | null>(null)
  const likes = ref(0)
  const lines = shallowRef<Line[]>([])
  const pending = shallowReactive<Line[]>([])
  const joined = ref<string | null>(null)
  const ticker = shallowRef<Ticker | null>(null)
  const tips = shallowReactive<Tip[]>([])
  const mutedUntil = ref<string | null>(null)
  const mediaAway = ref(false)
  const connection = ref<ConnectionState>('idle')
  const balance = ref<number | null>(null)
  /** Rises whenever one of this viewer's orders changed. */
  const orderNews = ref(0)
  const paid = shallowRef<string | null>(null)
  let ownLikes = 0

  const client = new RoomClient({
    address: () => roomAddress(location.origin, id, { token: memberToken() }),
    ...(invite ? { invite } : {}),
  })

  function takeSnapshot(snapshot: Snapshot): void {
    info.value = { ...info.value, ...snapshot.room }
    pinned.value = snapshot.pinned
    shelf.value = snapshot.shelf
    sales.value = snapshot.sales
    holds.value = snapshot.holds
    gifts.value = snapshot.gifts
    here.value = snapshot.here
    likes.value = Math.max(likes.value, snapshot.likes)
    orderNews.value++
  }

  function hear(talk: Talk[]): void {
    const said: Line[] = []
    for (const one of talk) {
      if (one.kind === 'chat.said') said.push(one)
      else if (one.kind === 'viewer.joined') joined.value = one.name
    }
    if (!said.length) return
    for (const line of said) {
      const own = pending.findIndex((other) => other.member_id === line.member_id && other.text === line.text)
      if (own >= 0) pending.splice(own, 1)
    }
    lines.value = [...lines.value, ...said].slice(-mostLines)
  }

  function dropHold(order: string): void {
    holds.value = holds.value.filter((hold) => hold.order_id !== order)
    orderNews.value++
  }

  client.on('state', (state) => (connection.value = state))
  client.on('snapshot', takeSnapshot)
  client.on('talk', hear)
  client.on('here', (count) => (here.value = count))
  client.on('likes', (count) => (likes.value = Math.max(likes.value, count)))
  client.on('over', ({ code }) => {
    if (code === closed.roomEnded && info.value) info.value = { ...info.value, state: 'ended' }
    else if (code === closed.noSuchRoom) refusal.value = new ApiProblem('not-found', 404)
    else if (code === closed.notAllowed || code === closed.banned) refusal.value = new ApiProblem('forbidden', 403)
  })
  client.on('welcome', (frame) => (mutedUntil.value = frame.you.muted_until))
  client.onFact('room', 'room.state', ({ state }) => {
    if (info.value) info.value = { ...info.value, state }
  })
  client.onFact('room', 'room.pinned', ({ card }) => (pinned.value = card))
  client.onFact('room', 'shelf.changed', (data) => {
    shelf.value = data.shelf
    if (pinned.value) pinned.value = data.shelf.find((card) => card.product_id === pinned.value?.product_id) ?? pinned.value
  })
  client.onFact('room', 'sale.opened', ({ sale }) => {
    sales.value = [sale, ...sales.value.filter((other) => other.sale_id !== sale.sale_id)]
  })
  client.onFact('room', 'sale.closed', ({ sale_id }) => {
    const sale = sales.value.find((other) => other.sale_id === sale_id)
    if (sale) sale.state = 'closed'
  })
  client.onFact('room', 'sale.stock', ({ sale_id, lines: changed }) => {
    const sale = sales.value.find((other) => other.sale_id === sale_id)
    for (const line of sale?.lines ?? []) Object.assign(line, changed.find((other) => other.sku_id === line.sku_id))
  })
  client.onFact('room', 'order.ticker', (order, position) => {
    ticker.value = { ...order, key: Number(position.split('-')[1]) }
  })
  client.onFact('room', 'tip.given', (tip) => {
    tips.push(tip)
    if (tips.length > 12) tips.shift()
  })
  client.onFact('room', 'chat.deleted', ({ message_id }) => {
    lines.value = lines.value.filter((line) => line.id !== message_id)
  })
  client.onFact('room', 'chat.restored', ({ message }) => {
    const others = lines.value.filter((line) => line.id !== message.id)
    lines.value = [...others, message].sort((a, b) => a.at.localeCompare(b.at)).slice(-mostLines)
  })
  client.onFact('room', 'media.state', ({ state }) => (mediaAway.value = state === 'away'))
  client.onFact('me', 'muted', ({ until }) => (mutedUntil.value = until))
  client.onFact('me', 'hold.created', ({ hold }) => takeHold(hold))
  client.onFact('me', 'order.paid', ({ order_id }) => {
    dropHold(order_id)
    paid.value = order_id
  })
  client.onFact('me', 'order.expired', ({ order_id }) => dropHold(order_id))
  client.onFact('me', 'order.cancelled', ({ order_id }) => dropHold(order_id))
  client.onFact('me', 'order.refunded', () => orderNews.value++)
  client.onFact('me', 'order.fulfilled', () => orderNews.value++)
  client.onFact('me', 'wallet.changed', ({ balance_minor }) => (balance.value = balance_minor))

  function takeHold(hold: Hold): void {
    holds.value = [hold, ...holds.value.filter((other) => other.order_id !== hold.order_id)]
    orderNews.value++
  }

  async function look(): Promise<void> {
    const room = await persist(() => asMember<PublicRoom>(`/api/rooms/${encodeURIComponent(id)}/public`))
    info.value = { ...room, ...(connection.value === 'open' ? info.value : {}) }
    if (connection.value === 'open') return
    pinned.value = room.pinned
    shelf.value = room.shelf ?? []
    sales.value = room.sales ?? []
  }

  /** Shows a public room at once, and counts this viewer in; a refusal may still be lifted by the invitation. */
  async function enter(): Promise<void> {
    refusal.value = null
    const first = look().catch((reason: unknown) => reason)
    try {
      await persist(() => comeIn(id))
      if (invite) await asMember(`/api/invitations/${encodeURIComponent(invite)}/touches`, { method: 'POST' }).catch(() => undefined)
      if ((await first) !== undefined) await lookAgain()
      client.connect()
    } catch (reason) {
      refusal.value = reason instanceof ApiProblem ? reason : new ApiProblem('unknown', 0)
    }
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
        await comeIn(id)
        await look()
      } catch (again) {
        keepMemberToken(known)
        throw again
      }
    }
  }

  async function say(text: string, as: { member_id: string; name: string }): Promise<void> {
    const line: Line = { id: `pending-${text}-${serverNow()}`, ...as, role: 'viewer', text, at: new Date(serverNow()).toISOString(), pending: true }
    pending.push(line)
    const forget = (): void => {
      const at = pending.indexOf(line)
      if (at >= 0) pending.splice(at, 1)
    }
    try {
      await client.say(text)
      forget()
    } catch (reason) {
      forget()
      if (reason instanceof RoomProblem) {
        const { slug, status, ...data } = reason.problem
        throw new ApiProblem(slug, status, data)
      }
      throw reason
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
    id, info, refusal, pinned, shelf, sales, openSales, holds, gifts, here, likes, lines, pending, joined, ticker, tips,
    mutedUntil, mediaAway, connection, balance, orderNews, paid,
    enter, say, like, takeHold,
    ownLikes: () => ownLikes,
    /** With the token or name that the viewer has now. */
    reenter: () => client.reconnect(),
  })
}

export type LiveRoom = ReturnType<typeof useRoom>
