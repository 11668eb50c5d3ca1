import { defineAsyncComponent, onBeforeUnmount, onMounted, ref, shallowRef, type Component } from 'vue'

const loaders = {
  name: () => import('./sheets/NameSheet.vue'),
  shelf: () => import('./sheets/ShelfSheet.vue'),
  sku: () => import('./sheets/SkuSheet.vue'),
  cart: () => import('./sheets/CartSheet.vue'),
  result: () => import('./sheets/ResultSheet.vue'),
  orders: () => import('./sheets/OrdersSheet.vue'),
  gift: () => import('./sheets/GiftSheet.vue'),
  share: () => import('./sheets/ShareSheet.vue'),
  phone: () => import('./sheets/PhoneSheet.vue'),
  review: () => import('./sheets/ReviewSheet.vue'),
  wait: () => import('./sheets/WaitSheet.vue'),
  guide: () => import('./sheets/GuideSheet.vue'),
}
export type SheetName = keyof typeof loaders
export type OpenSheet = (name: SheetName, props?: Record<string, unknown>) => void

export const sheetParts = Object.fromEntries(
  Object.entries(loaders).map(([name, load]) => [name, defineAsyncComponent(load as () => Promise<Component>)]),
) as Record<SheetName, Component>

/** One sheet at a time over the picture; each is loaded when first wanted, the buyer's own at the first touch. */
export function useSheets() {
  const sheet = shallowRef<{ name: SheetName; props: Record<string, unknown> } | null>(null)
  const shown = ref(false)

  function open(name: SheetName, props: Record<string, unknown> = {}): void {
    sheet.value = { name, props }
    shown.value = true
  }

  function closed(name: SheetName): void {
    if (sheet.value?.name === name && !shown.value) sheet.value = null
  }

  function fetchAhead(): void {
    for (const load of [loaders.name, loaders.result, loaders.sku]) void load()
  }
  onMounted(() => window.addEventListener('pointerdown', fetchAhead, { once: true, passive: true }))
  onBeforeUnmount(() => window.removeEventListener('pointerdown', fetchAhead))

  return { sheet, shown, open, closed }
}

export type SheetStack = ReturnType<typeof useSheets>
