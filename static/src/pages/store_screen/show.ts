import { computed, reactive, toRefs } from 'vue'
import { pinsOf } from '@/shared/pins'
import type { Card, RoomClient, RoomFacts, RoomState, Sale, Snapshot } from '@/shared/room-client'
import { takePrice, takeStock } from '@/shared/sales'

export type Bought = RoomFacts['order.ticker'] & { key: string }

/** What a wall shows of a room: as any viewer sees it. */
export function useShow(client: RoomClient) {
  const now = reactive({
    title: '',
    state: 'planned' as RoomState,
    here: 0,
    /** The one in front first. */
    pins: [] as Card[],
    shelf: [] as Card[],
    sales: [] as Sale[],
    ticker: [] as Bought[],
  })

  function take(snapshot: Pick<Snapshot, 'room' | 'pinned' | 'beside' | 'shelf' | 'sales'> & { here?: number }): void {
    now.title = snapshot.room.title
    now.state = snapshot.room.state
    now.here = snapshot.here ?? 0
    now.pins = pinsOf(snapshot.pinned, snapshot.beside)
    now.shelf = snapshot.shelf
    now.sales = snapshot.sales
  }

  client.on('snapshot', take)
  client.on('here', (here) => (now.here = here))
  client.onFact('room', 'room.state', ({ state }) => (now.state = state))
  client.onFact('room', 'room.renamed', ({ title }) => (now.title = title))
  client.onFact('room', 'room.pinned', ({ card, beside }) => (now.pins = pinsOf(card, beside)))
  client.onFact('room', 'shelf.changed', ({ shelf }) => (now.shelf = shelf))
  client.onFact('room', 'sale.opened', ({ sale }) => (now.sales = [...now.sales.filter((one) => one.sale_id !== sale.sale_id), sale]))
  client.onFact('room', 'sale.closed', ({ sale_id }) => {
    const sale = now.sales.find((one) => one.sale_id === sale_id)
    if (sale) sale.state = 'closed'
  })
  client.onFact('room', 'sale.stock', (told) => takeStock(now.sales, told))
  client.onFact('room', 'sale.priced', (told) => takePrice(now.sales, told))
  client.onFact('room', 'order.ticker', (bought, position) => {
    now.ticker = [{ ...bought, key: position }, ...now.ticker].slice(0, 12)
  })

  return { ...toRefs(now), take, onAir: computed(() => now.state === 'live') }
}
