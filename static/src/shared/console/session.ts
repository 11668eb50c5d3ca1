import { ref } from 'vue'
import { api, ApiProblem } from '../api'
import type { Account } from '../types'
import type { Role } from './types'

export const account = ref<Account | null>(null)

/** The signed-in account, or null when nobody is. */
export async function whoIsHere(): Promise<Account | null> {
  try {
    account.value = (await api<{ account: Account }>('/api/session')).account
    return account.value
  } catch (reason) {
    if (reason instanceof ApiProblem && reason.status === 401) return null
    throw reason
  }
}

/** The account, or the log-in page; the promise then stays open, so that nothing flashes behind. */
export async function mustBeHere(): Promise<Account> {
  const here = await whoIsHere()
  if (here) return here
  goToLogin()
  return new Promise(() => undefined)
}

export function goToLogin(): void {
  location.replace(`/login?next=${encodeURIComponent(location.pathname + location.hash)}`)
}

/** A socket was refused for good: when the session is over, the log-in page is next. */
export async function afterRefusal(): Promise<void> {
  const here = await whoIsHere().catch(() => account.value)
  if (!here) goToLogin()
}

/** Guides from outside, who have no store. */
export const isOutside = (role: Role): boolean => role === 'distributor' || role === 'group_owner'

/** Where each role works. */
export function homeOf(here: Account): string {
  if ((here.role === 'manager' || here.role === 'guide') && here.store) return `/store/${here.store.store_id}`
  if (isOutside(here.role)) return '/store/me'
  return inStudio(here) ? '/hq#/rooms' : '/hq'
}

/** Only a path of our own: `//elsewhere` and `/\elsewhere` lead to other sites. */
export function safeNext(query: string): string | null {
  const next = new URLSearchParams(query).get('next')
  return next && /^\/(?![/\\])/.test(next) && !next.startsWith('/login') ? next : null
}

export async function leave(): Promise<void> {
  await api('/api/session', { method: 'DELETE' }).catch(() => undefined)
  location.assign('/login')
}

export function may(...roles: Role[]): boolean {
  return account.value !== null && roles.includes(account.value.role)
}

/** Owner and operator run every room, a host headquarters' own, a manager and a guide their store's. */
export function mayRun(room: { store: { store_id: string } | null }): boolean {
  if (may('owner', 'operator')) return true
  return room.store ? may('manager', 'guide') && account.value?.store?.store_id === room.store.store_id : may('host')
}

/** Hosts and moderators work in rooms; the books are headquarters'. */
export function inStudio(here: Account): boolean {
  return (['host', 'moderator'] as Role[]).includes(here.role)
}
