import { onScopeDispose, watch, type WatchSource } from 'vue'

/** Keeps the screen lit while `wanted`: a phone that broadcasts and a wall must not go dark. Browsers let go when the page is hidden. */
export function useAwake(wanted: WatchSource<boolean>): void {
  let lock: WakeLockSentinel | null = null
  let held = false

  async function hold(): Promise<void> {
    if (!held || lock || document.hidden || !('wakeLock' in navigator)) return
    lock = await navigator.wakeLock.request('screen').catch(() => null)
    lock?.addEventListener('release', () => (lock = null))
  }

  watch(
    wanted,
    (now) => {
      held = now
      if (now) void hold()
      else void lock?.release()
    },
    { immediate: true },
  )
  const seen = (): void => void hold()
  document.addEventListener('visibilitychange', seen)
  onScopeDispose(() => {
    document.removeEventListener('visibilitychange', seen)
    void lock?.release()
  })
}
