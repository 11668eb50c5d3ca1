import { deviceName } from './device'
import { knows, say } from './i18n'
import { memberToken } from './member'
import { learnServerTime } from './time'

/** Every failed call throws one: `slug` names the problem, `data` holds the problem document's further members. */
export class ApiProblem extends Error {
  constructor(
    readonly slug: string,
    readonly status: number,
    readonly data: Record<string, unknown> = {},
  ) {
    super(slug)
    this.name = 'ApiProblem'
  }

  /** What to tell the person, in the page's language. */
  get words(): string {
    return problemWords(this.slug, this.data)
  }
}

export function problemWords(slug: string, data: Record<string, unknown> = {}): string {
  const key = `problem.${slug}`
  if (knows(key)) return say(key, data)
  return typeof data.detail === 'string' && data.detail ? data.detail : say('problem.unknown')
}

export interface Call {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  body?: unknown
  /** Raw body (CSV text, image bytes) with its content type. */
  raw?: { body: BodyInit; type: string }
  query?: Record<string, string | number | boolean | null | undefined>
  /** Same key again → same answer, nothing done twice. */
  key?: string
  /** 'member' sends the viewer's token and the device's name, 'staff' relies on the cookie, 'none' sends neither. */
  as?: 'member' | 'staff' | 'none'
  /** What the answer sets is kept for a later visit. */
  keepsCookie?: boolean
  signal?: AbortSignal
}

function address(path: string, query: Call['query']): string {
  const given = Object.entries(query ?? {}).filter(([, value]) => value != null && value !== '')
  if (!given.length) return path
  return `${path}?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`
}

function headers(call: Call): Headers {
  const sent = new Headers({ Accept: 'application/json' })
  if (call.raw) sent.set('Content-Type', call.raw.type)
  else if (call.body !== undefined) sent.set('Content-Type', 'application/json')
  if (call.key) sent.set('Idempotency-Key', call.key)
  if (call.as !== 'member') return sent
  const token = memberToken()
  if (token) sent.set('Authorization', `Bearer ${token}`)
  sent.set('Showfloor-Device', deviceName())
  return sent
}

async function problemOf(response: Response): Promise<ApiProblem> {
  const told: Record<string, unknown> = await response.json().catch(() => ({}))
  const slug = typeof told.slug === 'string' ? told.slug : (fallbackSlugs[response.status] ?? 'unknown')
  return new ApiProblem(slug, response.status, told)
}

const fallbackSlugs: Record<number, string> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  422: 'validation',
  429: 'too-many-requests',
  502: 'unavailable',
  503: 'unavailable',
}

/** One JSON call; throws ApiProblem, with slug `offline` when the server couldn't be reached. */
export async function api<T>(path: string, call: Call = {}): Promise<T> {
  const sent = Date.now()
  let response: Response
  try {
    response = await fetch(address(path, call.query), {
      method: call.method ?? (call.body !== undefined || call.raw ? 'POST' : 'GET'),
      headers: headers(call),
      body: call.raw ? call.raw.body : call.body === undefined ? undefined : JSON.stringify(call.body),
      credentials: call.keepsCookie || (call.as ?? 'staff') === 'staff' ? 'same-origin' : 'omit',
      signal: call.signal,
    })
  } catch (reason) {
    if (call.signal?.aborted) throw reason
    throw new ApiProblem('offline', 0)
  }
  const date = response.headers.get('Date')
  if (date) learnServerTime(date, sent)
  if (!response.ok) throw await problemOf(response)
  if (response.status === 204) return undefined as T
  const text = await response.text()
  return (text ? JSON.parse(text) : undefined) as T
}

/** The viewer's calls. */
export function asMember<T>(path: string, call: Call = {}): Promise<T> {
  return api<T>(path, { ...call, as: 'member' })
}

export function newKey(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID()
  // randomUUID needs a secure context; a phone on plain HTTP in the local network has none.
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** An act that must happen once: the key is kept through retries of one intention and renewed after an answer. */
export function onceKey(): { current(): string; renew(): void } {
  let key = newKey()
  return { current: () => key, renew: () => (key = newKey()) }
}

/** Again on a lost network or a busy server, with the same key; `act` must be idempotent. */
export async function persist<T>(act: () => Promise<T>, tries = 4): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act()
    } catch (reason) {
      const passing = reason instanceof ApiProblem && (reason.status === 0 || reason.status >= 502)
      if (!passing || attempt >= tries) throw reason
      await new Promise((go) => setTimeout(go, 300 * 2 ** attempt * (0.5 + Math.random())))
    }
  }
}
