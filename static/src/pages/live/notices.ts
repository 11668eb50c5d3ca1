import { onBeforeUnmount, ref, watch, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { shortMoney } from '@/shared/money'
import type { LiveRoom } from './room'

export type NoticeKind = 'mention' | 'price' | 'bought' | 'joined'
export interface Notice { key: number; text: string; kind: NoticeKind; line: string | null }

const rank: NoticeKind[] = ['joined', 'bought', 'price', 'mention']
const shownMs: Record<NoticeKind, number> = { joined: 2_000, bought: 4_000, price: 5_000, mention: 6_000 }

/** One line above the chat: who answered this viewer, else a price that fell, who bought, else who came. */
export function useNotice(room: LiveRoom): Ref<Notice | null> {
  const { t } = useI18n()
  const notice = ref<Notice | null>(null)
  let timer: ReturnType<typeof setTimeout> | undefined

  function announce(text: string, kind: NoticeKind, line: string | null = null): void {
    if (notice.value && rank.indexOf(kind) < rank.indexOf(notice.value.kind)) return
    notice.value = { key: Date.now(), text, kind, line }
    clearTimeout(timer)
    timer = setTimeout(() => (notice.value = null), shownMs[kind])
  }

  watch(
    () => room.mentioned,
    (line) => line && announce(t('chat.mentioned', { name: line.name }), 'mention', line.id),
  )
  watch(
    () => room.ticker,
    (order) => {
      if (!order) return
      const { name, title, quantity } = order
      announce(t(quantity > 1 ? 'chat.ticker_n' : 'chat.ticker', { name, title, n: quantity }), 'bought')
    },
  )
  watch(
    () => room.priced,
    (price) => price && announce(t('chat.dropped', { title: price.title, price: shortMoney(price.price_minor) }), 'price'),
  )
  watch(
    () => room.joined,
    (name) => name && announce(t('chat.joined', { name }), 'joined'),
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
