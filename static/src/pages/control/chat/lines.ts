import { isStaffLine, quoteOf } from '@/shared/lines'
import type { ChatLine, Quoted } from '@/shared/room-client'
import type { KeptLine, QuestionAsked } from '@/shared/types'

export interface Entry extends ChatLine {
  deleted: boolean
  /** Said here and not yet acknowledged. */
  pending: boolean
}
export type Question = Pick<QuestionAsked, 'message' | 'about'>

/** Lines that were read from the server quote by id alone; the line quoted is often among them. */
export function entriesOf(lines: readonly KeptLine[], known: readonly ChatLine[]): Entry[] {
  const all = new Map<string, ChatLine>(known.map((line) => [line.id, line]))
  for (const { reply_to: _, ...line } of lines) all.set(line.id, line)
  const quoted = (id: string | null): Quoted | undefined => {
    const line = id ? all.get(id) : undefined
    return line && quoteOf(line)
  }
  return lines.map(({ reply_to, deleted_at, ...line }) => ({ ...line, reply_to: quoted(reply_to), deleted: deleted_at !== null, pending: false }))
}

/** Oldest first, each once. */
export function queued(known: readonly Question[], more: readonly Question[]): Question[] {
  const all = new Map([...known, ...more].map((one) => [one.message.id, one]))
  return [...all.values()].sort((a, b) => a.message.at.localeCompare(b.message.at) || a.message.id.localeCompare(b.message.id))
}

/** Whoever writes it may be muted, sent away, made a moderator. */
export const isViewers = (line: Pick<ChatLine, 'role' | 'always'>): boolean => !isStaffLine(line)
