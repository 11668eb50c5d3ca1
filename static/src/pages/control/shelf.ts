import type { Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { api } from '@/shared/api'
import { tellProblem, tellUndo } from '@/shared/console/tell'
import type { StaffRoom } from '@/shared/console/types'
import { pinsWith, pinsWithout } from '@/shared/pins'
import type { Card } from '@/shared/room-client'
import type { Product } from '@/shared/types'

/** A product as its card will look, until the server's own comes. */
function cardOf(product: Product, position: number): Card {
  return {
    product_id: product.product_id,
    title: product.title,
    image: product.image,
    price_minor: Math.min(...product.skus.map((sku) => sku.price_minor)),
    was_minor: null,
    skus: product.skus.map((sku) => ({ ...sku, free: sku.free ?? sku.stock ?? 0 })),
    position,
  }
}

/** What comes after the product in front; after the last the first again. */
export function nextOf(shelf: Card[], pinnedId: string | undefined): Card | null {
  const at = shelf.findIndex((card) => card.product_id === pinnedId)
  return shelf.length ? (shelf[(at + 1) % shelf.length] ?? null) : null
}

/** What the host does with shelf and pins: shown at once, taken back when the server refuses. */
export function useShelf(roomId: string, shelf: Ref<Card[]>, pins: Ref<Card[]>) {
  const { t } = useI18n()

  async function show(next: Card[], path: string, request: Parameters<typeof api>[1]): Promise<void> {
    const before = pins.value
    pins.value = next
    try {
      await api(`/api/rooms/${roomId}/pin${path}`, request)
    } catch (reason) {
      pins.value = before
      tellProblem(reason)
    }
  }

  /** In place of all that are pinned. */
  const pin = (card: Card): Promise<void> => show([card], '', { method: 'PUT', body: { product_id: card.product_id } })
  /** In front of those that are pinned. */
  const pinToo = (card: Card): Promise<void> => show(pinsWith(pins.value, card), '', { method: 'PUT', body: { product_id: card.product_id, beside: true } })
  const unpin = (card: Card): Promise<void> => show(pinsWithout(pins.value, card), `/${card.product_id}`, { method: 'DELETE' })

  async function arrange(next: Card[]): Promise<boolean> {
    const before = shelf.value
    shelf.value = next
    try {
      const product_ids = next.map((card) => card.product_id)
      shelf.value = (await api<{ shelf: Card[] }>(`/api/rooms/${roomId}/shelf`, { method: 'PUT', body: { product_ids } })).shelf
      return true
    } catch (reason) {
      shelf.value = before
      tellProblem(reason)
      return false
    }
  }

  function order(ids: string[]): void {
    void arrange(ids.flatMap((one) => shelf.value.find((card) => card.product_id === one) ?? []))
  }

  async function remove(card: Card): Promise<void> {
    const before = [...shelf.value]
    if (await arrange(before.filter((one) => one !== card))) tellUndo(t('show.removed', { title: card.title }), () => void arrange(before))
  }

  function add(products: Product[]): void {
    const cards = products.map((product, index) => cardOf(product, shelf.value.length + index + 1))
    void arrange([...shelf.value, ...cards])
  }

  async function reload(): Promise<void> {
    try {
      shelf.value = (await api<StaffRoom>(`/api/rooms/${roomId}`)).shelf
    } catch (reason) {
      tellProblem(reason)
    }
  }

  return { pin, pinToo, unpin, order, remove, add, reload }
}
