import { ref, shallowRef } from 'vue'
import { ApiProblem } from '@/shared/api'
import { quoteOf } from '@/shared/lines'
import { RoomProblem, type ChatLine, type ChatSetting, type RoomClient, type Talk as Heard } from '@/shared/room-client'
import { serverNow } from '@/shared/time'

/** A line of this viewer's that the room doesn't show, or not yet. */
export interface OwnLine extends ChatLine { state: 'sending' | 'waiting' | 'refused' }

const mostLines = 120
const refusedForMs = 6_000
/** Refused, but counted by slow mode. */
const counted = new Set(['word-refused', 'links-off'])

/** Lines as they come; one that is known already (an answer told as a fact) is replaced where it stands. */
export function withLines(lines: readonly ChatLine[], said: readonly ChatLine[]): ChatLine[] {
  const fresh = new Map(said.map((line) => [line.id, line]))
  const kept = lines.map((line) => fresh.get(line.id) ?? line)
  kept.forEach((line) => fresh.delete(line.id))
  return [...kept, ...fresh.values()].slice(-mostLines)
}

/** A line that is told late, where its time puts it. */
export function withLate(lines: readonly ChatLine[], late: ChatLine): ChatLine[] {
  const others = lines.filter((line) => line.id !== late.id)
  return [...others, late].sort((a, b) => a.at.localeCompare(b.at)).slice(-mostLines)
}

/** Without a line that was taken back, also where it is quoted. */
export function withoutLine(lines: readonly ChatLine[], id: string): ChatLine[] {
  return lines.filter((line) => line.id !== id).map((line) => (line.reply_to?.id === id ? { ...line, reply_to: undefined } : line))
}

/** What is said in the room, and what became of one's own words. */
export function useTalk(roomId: string, client: RoomClient) {
  const lines = shallowRef<ChatLine[]>([])
  const own = shallowRef<OwnLine[]>([])
  const pinnedLine = shallowRef<ChatLine | null>(null)
  const chat = shallowRef<ChatSetting>({ pre_review: false, links: false, slow_s: 0 })
  const joined = ref<string | null>(null)
  const mutedUntil = ref<string | null>(null)
  /** Before then the server takes no further line; in ms. */
  const silentUntil = ref(0)
  const mentioned = shallowRef<ChatLine | null>(null)
  const moderates = ref(false)
  /** Told while the page is open: the viewer may help now, or no more. */
  const office = shallowRef<{ moderates: boolean } | null>(null)
  let sent = 0

  const here = (room: string): boolean => room === roomId
  const knows = (id: string): boolean => lines.value.some((line) => line.id === id)

  function hear(talk: Heard[]): void {
    const said: ChatLine[] = []
    for (const one of talk) {
      if (one.kind === 'chat.said') said.push(one)
      else if (one.kind === 'viewer.joined') joined.value = one.name
    }
    if (said.length) take(said)
  }

  function take(said: ChatLine[]): void {
    for (const line of said) {
      const mine = own.value.find((one) => one.id === line.id) ?? own.value.find((one) => one.state === 'sending' && one.member_id === line.member_id && one.text === line.text)
      if (mine) dropOwn(mine.id)
    }
    lines.value = withLines(lines.value, said)
  }

  function dropOwn(id: string): void {
    if (own.value.some((one) => one.id === id)) own.value = own.value.filter((one) => one.id !== id)
  }

  function changeOwn(id: string, change: Partial<OwnLine>): void {
    own.value = own.value.map((one) => (one.id === id ? { ...one, ...change } : one))
  }

  function setChat(setting: ChatSetting): void {
    chat.value = setting
    silentUntil.value = setting.slow_s ? Math.min(silentUntil.value, serverNow() + setting.slow_s * 1_000) : 0
  }

  client.on('talk', hear)
  client.on('snapshot', (snapshot) => {
    pinnedLine.value = snapshot.pinned_line ?? null
    if (snapshot.chat) chat.value = snapshot.chat
  })
  client.on('welcome', ({ you }) => {
    mutedUntil.value = you.muted_until
    moderates.value = you.moderates ?? false
  })
  client.onFact('room', 'chat.deleted', ({ message_id }) => hideLine(message_id))
  client.onFact('room', 'chat.restored', ({ message }) => showLine(message))
  client.onFact('room', 'chat.pinned', ({ message }) => (pinnedLine.value = message))
  client.onFact('room', 'chat.setting', setChat)
  client.onFact('room', 'question.answered', ({ message_id, answer }) => {
    if (knows(answer.id)) return
    const asked = lines.value.find((line) => line.id === message_id)
    lines.value = withLate(lines.value, asked && !answer.reply_to ? { ...answer, reply_to: quoteOf(asked) } : answer)
  })
  client.onFact('me', 'chat.mentioned', ({ room_id, message }) => {
    if (!here(room_id)) return
    lines.value = knows(message.id) ? withLines(lines.value, [message]) : withLate(lines.value, message)
    mentioned.value = message
  })
  client.onFact('me', 'chat.shown', ({ room_id, message }) => {
    if (!here(room_id)) return
    dropOwn(message.id)
    if (!knows(message.id)) take([message])
  })
  client.onFact('me', 'chat.refused', ({ room_id, message_id }) => {
    if (!here(room_id)) return
    changeOwn(message_id, { state: 'refused' })
    setTimeout(() => dropOwn(message_id), refusedForMs)
  })
  client.onFact('me', 'muted', ({ room_id, until }) => {
    if (here(room_id)) mutedUntil.value = until
  })
  client.onFact('me', 'moderator', ({ room_id, moderates: now }) => {
    if (!here(room_id)) return
    moderates.value = now
    office.value = { moderates: now }
    client.reconnect()
  })

  function hideLine(id: string): void {
    lines.value = withoutLine(lines.value, id)
    dropOwn(id)
  }

  function showLine(line: ChatLine): void {
    lines.value = withLate(lines.value, line)
  }

  async function say(text: string, as: { member_id: string; name: string }, replyTo: ChatLine | null = null): Promise<void> {
    const id = `sending-${++sent}`
    const quote = replyTo ? { reply_to: quoteOf(replyTo) } : {}
    own.value = [...own.value, { id, ...as, role: 'member', text, at: new Date(serverNow()).toISOString(), state: 'sending', ...quote }]
    try {
      const said = await client.say(text, replyTo?.id)
      waitFor(chat.value.slow_s)
      if (said.shown) dropOwn(id)
      else changeOwn(id, { id: said.id, state: 'waiting' })
    } catch (reason) {
      dropOwn(id)
      if (!(reason instanceof RoomProblem)) throw reason
      const { slug, status, ...data } = reason.problem
      learn(slug, data)
      throw new ApiProblem(slug, status, data)
    }
  }

  /** What a refusal tells about the next line. */
  function learn(slug: string, data: Record<string, unknown>): void {
    if (typeof data.retry_after_s === 'number') waitFor(data.retry_after_s)
    else if (counted.has(slug)) waitFor(chat.value.slow_s)
    if (slug === 'muted' && typeof data.muted_until === 'string') mutedUntil.value = data.muted_until
  }

  function waitFor(seconds: number): void {
    if (!moderates.value) silentUntil.value = seconds ? serverNow() + seconds * 1_000 : 0
  }

  return { lines, own, pinnedLine, chat, joined, mutedUntil, silentUntil, mentioned, moderates, office, hideLine, showLine, say }
}

export type Talk = ReturnType<typeof useTalk>
