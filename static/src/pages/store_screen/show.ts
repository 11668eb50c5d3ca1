import { computed, reactive, toRefs } from 'vue'
import type { Card, RoomClient, RoomFacts, RoomState, Sale, Snapshot } from '@/shared/room-client'

export type Bought = RoomFacts['order.ticker'] & { key: string }

/** What a wall shows of a room: as any viewer sees it. */
export function useShow(client: RoomClient) {
  const now = reactive({
    title: '',
    state: 'planned' as RoomState,
    here: 0,
    pinned: null as Card | null,
    sales: [] as Sale[],
    ticker: [] as Bought[],
  })

  function take(snapshot: Pick<Snapshot, 'room' | 'pinned' | 'sales'> & { here?: number }): void {
    now.title = snapshot.room.title
    now.state = snapshot.room.state
    now.here = snapshot.here ?? 0
    now.pinned = snapshot.pinned
    now.sales = snapshot.sales
  }

  const find = (id: string): Sale | undefined => now.sales.find((one) => one.sale_id === id)

  client.on('snapshot', take)
  client.on('here', (here) => (now.here = here))
  client.onFact('room', 'room.state', ({ state }) => (now.state = state))
  client.onFact('room', 'room.renamed', ({ title }) => (now.title = title))
  client.onFact('room', 'room.pinned', ({ card }) => (now.pinned = card))
  client.onFact('room', 'sale.opened', ({ sale }) => (now.sales = [...now.sales.filter((one) => one.sale_id !== sale.sale_id), sale]))
  client.onFact('room', 'sale.closed', ({ sale_id }) => {
    const sale = find(sale_id)
    if (sale) sale.state = 'closed'
  })
  client.onFact('room', 'sale.stock', ({ sale_id, lines }) => {
    for (const line of lines) Object.assign(find(sale_id)?.lines.find((one) => one.sku_id === line.sku_id) ?? {}, line)
  })
  client.onFact('room', 'order.ticker', (bought, position) => {
    now.ticker = [{ ...bought, key: position }, ...now.ticker].slice(0, 12)
  })

  return { ...toRefs(now), take, onAir: computed(() => now.state === 'live') }
}
