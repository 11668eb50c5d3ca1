import { onBeforeUnmount, ref, watch, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import type { LiveRoom } from './room'

export interface Notice { key: number; text: string; bought: boolean }

/** One line above the chat: who bought, else who came. */
export function useNotice(room: LiveRoom): Ref<Notice | null> {
  const { t } = useI18n()
  const notice = ref<Notice | null>(null)
  let timer: ReturnType<typeof setTimeout> | undefined

  function announce(text: string, bought: boolean): void {
    if (notice.value?.bought && !bought) return
    notice.value = { key: Date.now(), text, bought }
    clearTimeout(timer)
    timer = setTimeout(() => (notice.value = null), bought ? 4_000 : 2_000)
  }

  watch(
    () => room.ticker,
    (order) => {
      if (!order) return
      const { name, title, quantity } = order
      announce(t(quantity > 1 ? 'chat.ticker_n' : 'chat.ticker', { name, title, n: quantity }), true)
    },
  )
  watch(
    () => room.joined,
    (name) => name && announce(t('chat.joined', { name }), false),
  )
  onBeforeUnmount(() => clearTimeout(timer))
  return notice
}

/** True once the connection has been away for a moment: a blink of the network isn't worth a word. */
export function useReconnecting(room: LiveRoom): Ref<boolean> {
  const reconnecting = ref(false)
  let timer: ReturnType<typeof setTimeout> | undefined
  watch(
    () => room.connection,
    (connection) => {
      clearTimeout(timer)
      if (connection === 'open' || connection === 'over' || connection === 'idle') reconnecting.value = false
      else if (!reconnecting.value) timer = setTimeout(() => (reconnecting.value = true), 900)
    },
  )
  onBeforeUnmount(() => clearTimeout(timer))
  return reconnecting
}
