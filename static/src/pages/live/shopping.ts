import { computed, ref, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { ApiProblem, asMember } from '@/shared/api'
import { serverNow } from '@/shared/time'
import type { Card, Hold, Order } from '@/shared/types'
import { buy, claim, pay, type Errand } from './buying'
import { offerOf, offerOfSale, type Offer } from './offers'
import type { WithName } from './naming'
import type { LiveRoom } from './room'
import type { OpenSheet } from './sheetStack'
import { toast, toastProblem } from './toast'

/** `price_minor` is what the viewer was shown for one. */
export interface Choice { sale: string | null; sku_id: string; quantity: number; price_minor: number; single: boolean }

/** From a look at the goods to a held order and its payment. */
export function useShopping(room: LiveRoom, now: Ref<number>, open: OpenSheet, withName: WithName) {
  const { t } = useI18n()
  /** The sale (or `order`) whose claim is under way. */
  const claiming = ref<string | null>(null)

  const liveHolds = computed(() => room.holds.filter((hold) => new Date(hold.pay_by).getTime() > now.value))
  const openSales = computed(() => room.openSales.filter((sale) => !sale.ends_at || new Date(sale.ends_at).getTime() > now.value))
  const pinned = computed<Offer | null>(() => (room.pinned ? offerOf(room.pinned, openSales.value) : null))
  /** The newest sale of something other than what is pinned. */
  const other = computed<Offer | null>(() => {
    const others = openSales.value.filter((sale) => sale.sale_id !== pinned.value?.sale?.sale_id)
    const newest = others.sort((a, b) => (b.opens_at ?? '').localeCompare(a.opens_at ?? ''))[0]
    return newest ? offerOfSale(newest, room.shelf) : null
  })
  const offers = computed(() => [pinned.value, other.value].filter((one) => one !== null))

  const holdOf = (offer: Offer): Hold | null =>
    liveHolds.value.find((hold) => offer.sale && hold.sale_id === offer.sale.sale_id) ?? null

  /** `again`: back to the choice. */
  async function take(title: string, { sale, sku_id, quantity, price_minor, single }: Choice, again?: () => void): Promise<void> {
    if (claiming.value) return
    claiming.value = sale ?? 'order'
    try {
      const placed = sale ? await claim(room.id, sale, [{ sku_id, quantity }], single) : await buy(room.id, [{ sku_id, quantity, price_minor }])
      const hold: Hold = { ...placed, sale_id: sale, quantity }
      now.value = serverNow()
      room.takeHold(hold)
      open('result', { hold, problem: null, title, sale: Boolean(sale) })
    } catch (reason) {
      const problem = reason instanceof ApiProblem ? reason : new ApiProblem('unknown', 0)
      open('result', { hold: null, problem, title, sale: Boolean(sale), onAgain: again })
    } finally {
      claiming.value = null
    }
  }

  function choose(card: Card): void {
    open('sku', { card, onTake: (choice: Choice) => withName('claim', () => void take(card.title, choice, () => choose(card))) })
  }

  function look(offer: Offer): void {
    const onShelf = room.shelf.find((card) => card.product_id === offer.product_id)
    const skus = (offer.sale?.lines ?? []).map(({ sku_id, title, price_minor, free }) => ({ sku_id, title, price_minor, free }))
    choose(onShelf ?? { ...offer, skus, position: 0 })
  }

  /** One tap takes one; a sale of several kinds asks which. */
  function claimOffer(offer: Offer): void {
    const { sale } = offer
    const line = sale?.lines[0]
    if (!sale || !line || sale.lines.length > 1) return look(offer)
    const choice = { sale: sale.sale_id, sku_id: line.sku_id, quantity: 1, price_minor: line.price_minor, single: true }
    withName('claim', () => void take(offer.title, choice))
  }

  async function payHold(hold: Hold): Promise<void> {
    try {
      await pay(hold.order_id)
    } catch (reason) {
      toastProblem(reason)
    }
  }

  /** Back from the cashier: the provider's notice may take a moment. */
  async function welcomeBack(errand: Errand, showOrders: (first: string) => void): Promise<void> {
    if (!errand.order) return open('gift')
    toast(t('orders.checking'))
    for (let attempt = 0; attempt < 4; attempt++) {
      const order = await asMember<Order>(`/api/orders/${errand.order}`).catch(() => null)
      if (order?.status === 'paid') toast(t('orders.paid'))
      if (order && order.status !== 'awaiting_payment') break
      await new Promise((go) => setTimeout(go, 700))
    }
    showOrders(errand.order)
  }

  return { claiming, liveHolds, pinned, offers, holdOf, choose, look, claimOffer, payHold, welcomeBack }
}

export type Shopping = ReturnType<typeof useShopping>
