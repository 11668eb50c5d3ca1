import { onScopeDispose, ref } from 'vue'

/** Only to a page of the web; the server made the address. */
export function wayBack(url: string | undefined): string {
  const address = new URL(url || '/', location.href)
  if (!/^https?:$/.test(address.protocol)) return '/'
  // The same site under the name that this page was opened with: the viewer's token lives there.
  return /^\/(live\/|$)/.test(address.pathname) ? address.pathname + address.search : address.href
}

/** Counts down, then leaves. */
export function useWayBack() {
  const seconds = ref(0)
  let timer: ReturnType<typeof setTimeout> | undefined

  function goSoon(to: string): void {
    seconds.value = 3
    const tick = (): void => {
      if (--seconds.value <= 0) location.replace(to)
      else timer = setTimeout(tick, 1_000)
    }
    timer = setTimeout(tick, 1_000)
  }

  onScopeDispose(() => clearTimeout(timer))
  return { seconds, goSoon }
}
