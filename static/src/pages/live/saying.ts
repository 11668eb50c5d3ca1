import { computed, ref, shallowRef, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import type { ChatLine } from '@/shared/room-client'
import { me } from './identity'
import type { WithName } from './naming'
import type { LiveRoom } from './room'
import { toastProblem } from './toast'

/** What this viewer is about to say, to whom, and whether they may. */
export function useSaying(room: LiveRoom, now: Ref<number>, withName: WithName) {
  const { t } = useI18n()
  const text = ref('')
  const replyTo = shallowRef<ChatLine | null>(null)
  /** Set by the box that is on the page. */
  const box = shallowRef<{ focus(): void } | null>(null)

  const muted = computed(() => {
    if (!room.mutedUntil || new Date(room.mutedUntil).getTime() <= now.value) return null
    return new Date(room.mutedUntil).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
  })
  const open = computed(() => Boolean(room.info) && room.info?.state !== 'ended')
  const closed = computed(() => !open.value || muted.value !== null)
  /** Seconds until the next line, in slow mode. */
  const wait = computed(() => Math.max(0, Math.ceil((room.silentUntil - now.value) / 1_000)))

  const hint = computed(() => {
    if (muted.value) return t('chat.muted', { until: muted.value })
    if (!open.value) return t('chat.closed')
    if (wait.value) return t('chat.wait', { n: wait.value })
    return room.chat.slow_s && !room.moderates ? t('chat.slow', { n: room.chat.slow_s }) : t(room.info?.shows?.asks ? 'chat.ask' : 'chat.say')
  })

  function reply(line: ChatLine): void {
    replyTo.value = line
    box.value?.focus()
  }

  function send(): void {
    const words = text.value.trim()
    if (!words || wait.value || closed.value) return
    withName('say', () => {
      const to = replyTo.value
      text.value = ''
      replyTo.value = null
      room.say(words, { member_id: me.value?.member_id ?? '', name: me.value?.name ?? '' }, to).catch((reason: unknown) => {
        giveBack(words, to)
        toastProblem(reason)
      })
    })
  }

  /** To be put in other words, or sent later. */
  function giveBack(words: string, to: ChatLine | null): void {
    if (text.value) return
    text.value = words
    replyTo.value ??= to
  }

  return { text, replyTo, box, closed, wait, hint, reply, send }
}

export type Saying = ReturnType<typeof useSaying>
