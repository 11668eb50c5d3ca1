import { asMember } from '@/shared/api'
import { say } from '@/shared/i18n'
import type { TouchTaken } from '@/shared/types'
import './sheets/texts'
import { toast } from './toast'

/** What an invitation is no more, said once. */
export function tellNotice(notice: string): void {
  toast(say(`invited.${notice}`))
}

/** A code as people read it out, or copy it with the link around it. */
export function codeIn(typed: string): string {
  const plain = typed.normalize('NFKC')
  const linked = /(?:\/i\/|[?&]i=)([0-9A-Za-z]+)/.exec(plain)?.[1]
  return (linked ?? plain).toUpperCase().replace(/[^0-9A-Z]/g, '')
}

/** Comes by a code into this room; `false` where it leads elsewhere, and the page with it. Throws ApiProblem. */
export async function comeByCode(code: string, room: string): Promise<boolean> {
  const at = `/api/invitations/${encodeURIComponent(code)}`
  const invitation = await asMember<{ room_id: string | null; inviter: string }>(at)
  if (invitation.room_id !== room) {
    location.assign(`/i/${encodeURIComponent(code)}`)
    return false
  }
  const taken = await asMember<TouchTaken>(`${at}/touches`, { method: 'POST' })
  const why = taken.refused ?? taken.notice
  toast(why ? say(`invited.${why}`) : say('invited.by', { name: invitation.inviter }))
  return true
}
