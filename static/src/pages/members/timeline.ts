import type { TimelineItem } from '@/shared/console/types'

export type Mood = 'came' | 'said' | 'bought' | 'gave' | 'back' | 'plain'

const moods: Record<string, Mood> = {
  visit: 'came',
  invitation: 'came',
  chat: 'said',
  conversation: 'said',
  claim: 'bought',
  order: 'bought',
  tip: 'gave',
  top_up: 'gave',
  refund: 'back',
  'after_sale.asked': 'back',
  'after_sale.refunded': 'back',
  expired: 'back',
  cancelled: 'back',
}

export const moodOf = (kind: string): Mood => moods[kind] ?? 'plain'

/** Key of the sentence: an invitation's depends on its step, and kinds with a dot are written with a line. */
export function sentenceOf(item: TimelineItem): string {
  const kind = item.kind.replace('.', '_')
  return kind === 'invitation' && typeof item.data.step === 'string' ? `invitation_${item.data.step}` : kind
}

/** What was said, one line each. */
export function linesOf(item: TimelineItem): string[] {
  const { lines, text } = item.data
  if (Array.isArray(lines)) return lines.flatMap((line: { text?: unknown }) => (typeof line.text === 'string' ? [line.text] : []))
  return typeof text === 'string' ? [text] : []
}

export function nameIn(value: unknown): string | null {
  if (typeof value === 'string') return value
  const name = (value as { name?: unknown } | null | undefined)?.name
  return typeof name === 'string' ? name : null
}

const talkGapMs = 5 * 60_000

/** What somebody said within a few minutes in one room is one entry, at the time of the last line. */
export function gatherTalk(items: TimelineItem[]): TimelineItem[] {
  const gathered: TimelineItem[] = []
  for (const item of items) {
    const last = gathered.at(-1)
    const goesOn =
      last?.kind === 'chat' &&
      item.kind === 'chat' &&
      last.room_id === item.room_id &&
      new Date(last.at).getTime() - new Date(item.at).getTime() < talkGapMs
    const lines = [...linesOf(item), ...(goesOn ? linesOf(last) : [])]
    if (goesOn) gathered[gathered.length - 1] = { ...last, data: { lines: lines.map((text) => ({ text })) } }
    else gathered.push(item)
  }
  return gathered
}

/** Items of one day together, newest day first; `day` is a local date. */
export function byDay(items: TimelineItem[]): { day: string; items: TimelineItem[] }[] {
  const days: { day: string; items: TimelineItem[] }[] = []
  for (const item of items) {
    const day = new Date(item.at).toDateString()
    const last = days.at(-1)
    if (last?.day === day) last.items.push(item)
    else days.push({ day, items: [item] })
  }
  return days
}
