import { onBeforeUnmount, onMounted, ref, type Ref } from 'vue'

function useMedia(query: string): Ref<boolean> {
  const media = window.matchMedia(query)
  const matches = ref(media.matches)
  const follow = (event: MediaQueryListEvent): void => {
    matches.value = event.matches
  }
  onMounted(() => media.addEventListener('change', follow))
  onBeforeUnmount(() => media.removeEventListener('change', follow))
  return matches
}

/** `wide`: chat stands beside the picture; `broad`: the shelf too. A phone lying on its side is neither. */
export function useWide(): { wide: Ref<boolean>; broad: Ref<boolean> } {
  return {
    wide: useMedia('(min-width: 860px) and (min-height: 560px)'),
    broad: useMedia('(min-width: 1180px) and (min-height: 560px)'),
  }
}

/** Pixels that the on-screen keyboard covers where the browser lays it over the page (iOS). */
export function useKeyboard(): Ref<number> {
  const covered = ref(0)
  const view = window.visualViewport
  const measure = (): void => {
    covered.value = view ? Math.max(0, Math.round(window.innerHeight - view.height - view.offsetTop)) : 0
  }
  onMounted(() => view?.addEventListener('resize', measure))
  onBeforeUnmount(() => view?.removeEventListener('resize', measure))
  return covered
}
