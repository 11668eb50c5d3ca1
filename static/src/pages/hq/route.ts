import { computed, onScopeDispose, ref, type ComputedRef } from 'vue'

export const views = ['overview', 'rooms', 'products', 'stores', 'orders', 'money', 'boards', 'attribution', 'campaigns', 'words'] as const
export type View = (typeof views)[number]

/** `#/orders/ID` → view `orders`, detail `ID`. */
export function parseHash(hash: string): { view: View; detail: string | null } {
  const [name, detail] = hash.replace(/^#\/?/, '').split('/')
  const view = views.find((one) => one === name) ?? 'overview'
  return { view, detail: detail ? decodeURIComponent(detail) : null }
}

export function useRoute(): ComputedRef<{ view: View; detail: string | null }> {
  const hash = ref(location.hash)
  const follow = (): void => void (hash.value = location.hash)
  addEventListener('hashchange', follow)
  onScopeDispose(() => removeEventListener('hashchange', follow))
  return computed(() => parseHash(hash.value))
}
