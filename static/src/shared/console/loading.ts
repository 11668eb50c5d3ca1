import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import { api, ApiProblem, type Call } from '../api'
import type { Page } from '../types'
import { goToLogin } from './session'

export interface Loaded<T> {
  value: ShallowRef<T | null>
  problem: Ref<ApiProblem | null>
  loading: Ref<boolean>
  load: () => Promise<void>
}

export function caught(reason: unknown): ApiProblem {
  if (reason instanceof ApiProblem && reason.status === 401) goToLogin()
  return reason instanceof ApiProblem ? reason : new ApiProblem('unknown', 0)
}

/** One answer, kept while it is fetched again; a later call overtakes an earlier one. */
export function useLoaded<T>(fetch: () => Promise<T>): Loaded<T> {
  const value = shallowRef<T | null>(null)
  const problem = ref<ApiProblem | null>(null)
  const loading = ref(false)
  let round = 0
  async function load(): Promise<void> {
    const mine = ++round
    loading.value = true
    try {
      const answer = await fetch()
      if (mine !== round) return
      value.value = answer
      problem.value = null
    } catch (reason) {
      if (mine === round) problem.value = caught(reason)
    } finally {
      if (mine === round) loading.value = false
    }
  }
  return { value, problem, loading, load }
}

export interface Paged<T> {
  items: Ref<T[]>
  next: Ref<string | null>
  problem: Ref<ApiProblem | null>
  loading: Ref<boolean>
  known: Ref<boolean>
  load: () => Promise<void>
  more: () => Promise<void>
}

/** A list that is read a page at a time. `known` turns true with the first answer. `from` is the cursor's name. */
export function usePaged<T>(path: () => string, query: () => NonNullable<Call['query']> = () => ({}), from: 'cursor' | 'before' = 'cursor'): Paged<T> {
  const items = ref([]) as Ref<T[]>
  const next = ref<string | null>(null)
  const problem = ref<ApiProblem | null>(null)
  const loading = ref(false)
  const known = ref(false)
  let round = 0
  async function read(cursor: string | null): Promise<void> {
    const mine = ++round
    loading.value = true
    try {
      const page = await api<Page<T>>(path(), { query: { ...query(), [from]: cursor } })
      if (mine !== round) return
      items.value = cursor ? [...items.value, ...page.items] : page.items
      next.value = page.next
      problem.value = null
      known.value = true
    } catch (reason) {
      if (mine === round) problem.value = caught(reason)
    } finally {
      if (mine === round) loading.value = false
    }
  }
  return {
    items,
    next,
    problem,
    loading,
    known,
    load: () => read(null),
    more: async () => {
      if (next.value && !loading.value) await read(next.value)
    },
  }
}

/** Every page of a short list (stores, staff, products to choose from). */
export async function everything<T>(path: string, query: NonNullable<Call['query']> = {}): Promise<T[]> {
  const all: T[] = []
  let cursor: string | null = null
  do {
    const page: Page<T> = await api<Page<T>>(path, { query: { ...query, cursor } })
    all.push(...page.items)
    cursor = page.next
  } while (cursor && all.length < 2_000)
  return all
}

/** Runs `act` every `everyMs` while the page is seen, and once when it is seen again. */
export function useTimer(everyMs: number, act: () => unknown): void {
  const timer = setInterval(() => document.hidden || act(), everyMs)
  const seen = (): void => void (document.hidden || act())
  document.addEventListener('visibilitychange', seen)
  onScopeDispose(() => {
    clearInterval(timer)
    document.removeEventListener('visibilitychange', seen)
  })
}
