import type { ChatLine, Quoted } from './room-client'
import type { KeptLine } from './types'

const staff = new Set(['host', 'operator', 'owner', 'guide', 'manager'])
const mostQuoted = 60

/** `moderator` is a role of staff and of viewers who help; only staff's lines are never left out. */
export function isStaffLine(line: Pick<ChatLine, 'role' | 'always'>): boolean {
  return line.always === true || staff.has(line.role)
}

export function isHelperLine(line: Pick<ChatLine, 'role' | 'always'>): boolean {
  return line.role === 'moderator' && !isStaffLine(line)
}

/** As the server quotes a line in an answer to it. */
export function quoteOf({ id, member_id, name, text }: ChatLine): Quoted {
  return { id, member_id, name, text: [...text].slice(0, mostQuoted).join('') }
}

/** A kept line as it was heard. */
export function lineOf({ id, member_id, name, role, text, at, always, quoted }: KeptLine): ChatLine {
  return { id, member_id, name, role, text, at, always, ...(quoted ? { reply_to: quoted } : {}) }
}
