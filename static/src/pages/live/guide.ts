import { computed, onScopeDispose, shallowRef, watch } from 'vue'
import { asMember } from '@/shared/api'
import { say } from '@/shared/i18n'
import type { Conversation, Conversations, TalkLine } from '@/shared/conversation/types'
import '@/shared/conversation/texts'
import { me } from './identity'
import type { LiveRoom } from './room'
import { toastAct } from './toast'

/** A crowd that comes in at once doesn't ask at once. */
const spreadMs = 2_500

/** The viewer's own guide, and what they wrote to each other. */
export function useGuide(room: LiveRoom, open: () => void) {
  const known = shallowRef<Conversations>({ items: [], next: null, guide: null })
  const current = computed<Conversation | null>(() => known.value.items.find((one) => one.guide.account_id === known.value.guide?.account_id) ?? known.value.items[0] ?? null)
  const name = computed(() => known.value.guide?.name ?? current.value?.guide.name ?? '')
  const unread = computed(() => known.value.items.reduce((sum, one) => sum + one.unread, 0))
  let talking = false

  async function load(): Promise<void> {
    known.value = await asMember<Conversations>('/api/conversations').catch(() => known.value)
  }

  async function begin(): Promise<Conversation> {
    const opened = await asMember<Conversation>('/api/conversations', { body: {} })
    known.value = { ...known.value, items: [opened, ...known.value.items.filter((one) => one.conversation_id !== opened.conversation_id)] }
    return opened
  }

  function heard(guide: string, line: TalkLine): void {
    if (talking) return
    void load()
    if (line.by !== 'guide') return
    const text = line.text ?? (line.product ? say('talk.productPreview', { title: line.product.title }) : say('talk.picturePreview'))
    toastAct(say('talk.newLine', { name: guide, text: text.slice(0, 24) }), say('talk.look'), open)
  }

  /** While the conversation is on the screen its lines are no news. */
  function watching(now: boolean): void {
    talking = now
    if (!now) void load()
  }

  const timer = setTimeout(load, Math.random() * spreadMs)
  watch(() => me.value?.member_id, load)
  const off = [
    room.client.onFact('me', 'conversation.line', (told) => heard(told.guide, told.line)),
    room.client.onFact('me', 'conversation.merged', () => void load()),
  ]
  onScopeDispose(() => {
    clearTimeout(timer)
    for (const stop of off) stop()
  })
  return { known, current, name, unread, begin, watching, load }
}

export type GuideTalk = ReturnType<typeof useGuide>
