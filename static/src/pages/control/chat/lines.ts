import { isStaffLine, lineOf } from '@/shared/lines'
import type { ChatLine } from '@/shared/room-client'
import type { KeptLine, Page, QuestionAsked } from '@/shared/types'

export interface Entry extends ChatLine {
  deleted: boolean
  /** Said here and not yet acknowledged. */
  pending: boolean
}
/** Lines that ask the same: the first of them, how many there are, and the newest writers' names. */
export type Question = Pick<QuestionAsked, 'message' | 'about' | 'group' | 'count' | 'names'>

export function entryOf(kept: KeptLine): Entry {
  return { ...lineOf(kept), deleted: kept.deleted_at !== null, pending: false }
}

const mostNamed = 3

/** One more asks the same. */
export function joined(question: Question, { name }: Pick<ChatLine, 'name'>): Question {
  const names = [name, ...question.names.filter((one) => one !== name)].slice(0, mostNamed)
  return { ...question, count: question.count + 1, names }
}

/** Oldest first, each group once. */
export function queued(known: readonly Question[], more: readonly Question[]): Question[] {
  const all = new Map([...known, ...more].map((one) => [one.group, one]))
  return [...all.values()].sort((a, b) => a.group.localeCompare(b.group))
}

/** With the newest page as it is now; groups have ids in the order of time, and older ones than its last stay. */
export function firstPage(known: readonly Question[], { items, next }: Page<QuestionAsked>): Question[] {
  const last = items.at(-1)?.group
  return queued(next && last ? known.filter(({ group }) => group < last) : [], items)
}

/** How many people ask, as far as their names tell. */
export function askers({ count, names }: Pick<Question, 'count' | 'names'>): number {
  return names.length < mostNamed ? names.length : count
}

/** Whoever writes it may be muted, sent away, made a moderator. */
export const isViewers = (line: Pick<ChatLine, 'role' | 'always'>): boolean => !isStaffLine(line)
