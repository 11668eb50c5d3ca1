import { shallowRef } from 'vue'
import { ApiProblem, asMember } from '@/shared/api'
import { language } from '@/shared/i18n'
import { keepMemberToken, memberToken } from '@/shared/member'
import type { Me } from '@/shared/types'

/** Who is watching: a guest with a made-up name until the first word or claim. */
export const me = shallowRef<Me | null>(null)

const madeUp = /^(游客|Guest) \d{4}$/

export function needsName(): boolean {
  return !me.value || madeUp.test(me.value.name)
}

function makeUpName(): string {
  const digits = String(1_000 + Math.floor(Math.random() * 9_000))
  return `${language.value === 'zh-CN' ? '游客' : 'Guest'} ${digits}`
}

/** The member of an earlier visit, else a new guest: presence, invitations and the picture all need somebody. */
export async function comeIn(to: { room_id: string } | { brand_id: string }): Promise<Me> {
  if (memberToken()) {
    try {
      return (me.value = await asMember<Me>('/api/me'))
    } catch (reason) {
      if (!(reason instanceof ApiProblem) || reason.status !== 401) throw reason
      keepMemberToken(null)
    }
  }
  const name = makeUpName()
  const guest = await asMember<{ token: string; member_id: string }>('/api/guests', { body: { name, ...to } })
  keepMemberToken(guest.token)
  return (me.value = { member_id: guest.member_id, name, phone: null, guest: true })
}

export async function takeName(name: string): Promise<void> {
  await asMember('/api/me', { method: 'PATCH', body: { name } })
  if (me.value) me.value = { ...me.value, name }
}

export async function askPhoneCode(phone: string): Promise<string | null> {
  const answer = await asMember<{ demo_code?: string } | undefined>('/api/phone-codes', { body: { phone } })
  return answer?.demo_code ?? null
}

/** The guest becomes the member with this number, with everything done so far. */
export async function signInByPhone(phone: string, code: string): Promise<void> {
  const session = await asMember<{ token: string; member_id: string }>('/api/phone-sessions', { body: { phone, code } })
  keepMemberToken(session.token)
  me.value = await asMember<Me>('/api/me')
}
