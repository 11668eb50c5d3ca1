import { computed, ref, watch, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { ApiProblem } from '@/shared/api'
import { boughtOf, priceOf } from '@/shared/sales'
import { serverNow } from '@/shared/time'
import type { Card, Hold } from '@/shared/types'
import { buy, claim, outcome, pay, unitsOf, type Errand } from './buying'
import { useCart } from './cart'
import { offerOf, offerOfSale, type Offer } from './offers'
import type { WithName } from './naming'
import type { LiveRoom } from './room'
import type { SheetName, SheetStack } from './sheetStack'
import { toast, toastAct, toastProblem } from './toast'
import { useWaiting } from './waiting'

/** `price_minor` is what the viewer was shown for one, `single` a sale that sells this alone. */
export interface Choice { sale: string | null; sku_id: string; quantity: number; price_minor: number; single: boolean }

/** Sheets that somebody may be writing in, or paying from. */
const typing = new Set<SheetName>(['name', 'phone', 'orders', 'cart', 'gift', 'guide'])

/** From a look at the goods to a held order and its payment. */
export function useShopping(room: LiveRoom, now: Ref<number>, { open, sheet }: SheetStack, withName: WithName, showOrders: (first: string, way?: string) => void) {
  const { t } = useI18n()
  /** The sale (or `order`) whose claim is under way. */
  const claiming = ref<string | null>(null)
  const cart = useCart(room.id)
  const waitlists = useWaiting(room.id)

  const liveHolds = computed(() => room.holds.filter((hold) => new Date(hold.pay_by).getTime() > now.value))
  const openSales = computed(() => room.openSales.filter((sale) => !sale.ends_at || new Date(sale.ends_at).getTime() > now.value))
  const shown = computed(() => room.pins.map((card) => offerOf(card, openSales.value)))
  const pinned = computed<Offer | null>(() => shown.value[0] ?? null)
  /** The newest sale of something other than what is pinned. */
  const other = computed<Offer | null>(() => {
    const others = openSales.value.filter((sale) => sale.sale_id !== pinned.value?.sale?.sale_id)
    const newest = others.sort((a, b) => (b.opens_at ?? '').localeCompare(a.opens_at ?? ''))[0]
    return newest ? offerOfSale(newest, room.shelf) : null
  })
  /** Pinned too, but for what has a card of its own by its sale. */
  const beside = computed(() => shown.value.slice(1).filter((one) => one.sale !== other.value?.sale))
  const offers = computed(() => [pinned.value, other.value].filter((one) => one !== null))

  const holdOf = (offer: Offer): Hold | null =>
    liveHolds.value.find((hold) => offer.sale && hold.sale_id === offer.sale.sale_id) ?? null

  /** `again`: back to the choice. */
  async function take(title: string, choice: Choice, again?: () => void): Promise<void> {
    const { sale, sku_id, quantity, price_minor, single } = choice
    if (claiming.value) return
    claiming.value = sale ?? 'order'
    try {
      const placed = sale ? await claim(room.id, sale, unitsOf(sku_id, quantity, single), price_minor * quantity) : await buy(room.id, [{ sku_id, quantity, price_minor }])
      const hold: Hold = { ...placed, sale_id: sale, quantity }
      now.value = serverNow()
      room.takeHold(hold)
      open('result', { hold, problem: null, title, sale: Boolean(sale) })
    } catch (reason) {
      refused(title, choice, reason, again)
    } finally {
      claiming.value = null
    }
  }

  /** A sale's new price is taken with one more tap. */
  function refused(title: string, choice: Choice, reason: unknown, again?: () => void): void {
    const problem = reason instanceof ApiProblem ? reason : new ApiProblem('unknown', 0)
    const { sale, quantity } = choice
    const asks = problem.data.amount_minor
    const price_minor = sale && typeof asks === 'number' ? asks / quantity : choice.price_minor
    const retry = sale ? () => void take(title, { ...choice, price_minor }, again) : again
    open('result', { hold: null, problem, title, sale: Boolean(sale), onAgain: retry, onWait: () => void wait(title, choice) })
  }

  /** For units of a sale that is sold out. */
  async function wait(title: string, choice: Choice): Promise<void> {
    const { sale, sku_id, quantity, single } = choice
    if (!sale || claiming.value) return
    claiming.value = sale
    try {
      await waitlists.join(sale, unitsOf(sku_id, quantity, single))
      showPlace(sale, title)
    } catch (reason) {
      refused(title, choice, reason)
    } finally {
      claiming.value = null
    }
  }

  const showPlace = (sale: string, title: string): void => open('wait', { sale, title, waitlists })

  watch(
    () => room.connection === 'open',
    (here) => here && waitlists.recall(room.openSales.map((sale) => sale.sale_id)),
  )
  watch(
    () => room.promoted,
    (place) => place && promoted(place),
  )

  function promoted({ sale_id, order_id, title, units, amount_minor, pay_by }: NonNullable<LiveRoom['promoted']>): void {
    waitlists.drop(sale_id)
    if (new Date(pay_by).getTime() <= serverNow()) return
    const hold = room.holds.find((one) => one.order_id === order_id) ?? { hold_id: order_id, order_id, sale_id, quantity: units, amount_minor, pay_by }
    now.value = serverNow()
    room.takeHold(hold)
    const show = (): void => open('result', { hold, problem: null, title, sale: true, promoted: true })
    if (sheet.value && typing.has(sheet.value.name)) toastAct(t('card.your_turn', { title }), t('card.pay'), show)
    else show()
  }

  /** All of the cart at once. */
  async function order(note: string): Promise<void> {
    if (claiming.value) return
    claiming.value = 'order'
    try {
      const quantity = cart.units
      const title = cart.lines.map((line) => line.title).join('、')
      const hold: Hold = { ...(await buy(room.id, cart.lines, note)), sale_id: null, quantity }
      cart.empty()
      now.value = serverNow()
      room.takeHold(hold)
      open('result', { hold, problem: null, title, sale: false })
    } catch (reason) {
      const problem = reason instanceof ApiProblem ? reason : new ApiProblem('unknown', 0)
      if (problem.slug === 'too-many-unpaid-orders') open('result', { hold: null, problem, title: '', sale: false })
      else toastProblem(problem)
      cart.refused++ // the sheet says line by line why
    } finally {
      claiming.value = null
    }
  }

  const showCart = (): void => open('cart', { onOrder: (note: string) => withName('claim', () => void order(note)) })

  function collect(card: Card, { sku_id, quantity, price_minor }: Choice): void {
    const kind = card.skus.find((sku) => sku.sku_id === sku_id)?.title
    const title = kind ? `${card.title} · ${kind}` : card.title
    if (cart.add({ sku_id, title, image: card.image, price_minor, quantity })) toastAct(t('cart.added'), t('cart.look'), showCart)
    else toast(t('cart.full'))
  }

  function choose(card: Card): void {
    open('sku', { card, collects: true, onAdd: (choice: Choice) => collect(card, choice), onWait: (choice: Choice) => withName('claim', () => void wait(card.title, choice)), onTake: (choice: Choice) => withName('claim', () => void take(card.title, choice, () => choose(card))) })
  }

  function look(offer: Offer): void {
    const onShelf = room.shelf.find((card) => card.product_id === offer.product_id)
    const skus = (offer.sale ? boughtOf(offer.sale) : []).map(({ sku_id, title, price_minor, free }) => ({ sku_id, title, price_minor, free }))
    choose(onShelf ?? { ...offer, skus, position: 0 })
  }

  /** One tap takes one, or a place in the waitlist; a sale of several kinds asks which. */
  function claimOffer(offer: Offer): void {
    const { sale, line, title } = offer
    if (sale && offer.left <= 0 && waitlists.places[sale.sale_id]) return showPlace(sale.sale_id, title)
    if (!sale || !line || boughtOf(sale).length > 1) return look(offer)
    const choice = { sale: sale.sale_id, sku_id: line.sku_id, quantity: 1, price_minor: priceOf(line, 1), single: true }
    withName('claim', () => void (offer.left > 0 ? take(title, choice) : wait(title, choice)))
  }

  const payHold = (hold: Hold): Promise<void> => payAgain(hold.order_id)

  /** `order` null: it was for the wallet. */
  async function payAgain(order: string | null): Promise<void> {
    if (!order) return open('gift')
    try {
      if ((await pay(order)) === 'paid') showOrders(order)
    } catch (reason) {
      toastProblem(reason)
    }
  }

  /** Back from the cashier: the provider's notice may take a moment. */
  async function welcomeBack({ order, way, shown, amount_minor }: Errand): Promise<void> {
    if (!order) return open('gift', { way, amount_minor })
    if (way) return shown ? open('result', { ...shown, problem: null, way }) : showOrders(order, way)
    toast(t('orders.checking'))
    if ((await outcome(order)) === 'paid') toast(t('orders.paid'))
    showOrders(order)
  }

  return { claiming, places: waitlists.places, cart, showCart, liveHolds, pinned, beside, offers, holdOf, choose, look, claimOffer, payHold, payAgain, welcomeBack }
}

export type Shopping = ReturnType<typeof useShopping>
