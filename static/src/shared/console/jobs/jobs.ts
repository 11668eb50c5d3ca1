import { onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue'
import { api, ApiProblem, newKey, persist } from '@/shared/api'
import { caught } from '@/shared/console/loading'
import type { Job } from '@/shared/console/types'

const LOOK_MS = 700

export const isOpen = (job: Job | null): boolean => job?.state === 'waiting' || job?.state === 'running'

/** 0 to 100; null while nobody knows how much there is. */
export function percent({ done, total }: Pick<Job, 'done' | 'total'>): number | null {
  if (total === null) return null
  return total ? Math.min(100, Math.floor((done / total) * 100)) : 100
}

export interface FollowedJob {
  /** The latest that this page has to do with: running, or ended and not yet put aside. */
  job: ShallowRef<Job | null>
  /** The server can't be asked just now; it is asked again. */
  away: Ref<boolean>
  start(path: string, file: File): Promise<void>
  /** One that is open in the brand, or the one this page followed before it was loaded anew. */
  find(): Promise<void>
  show(jobId: string): Promise<void>
  putAside(): void
}

/** Follows one job of a kind until it has ended, through reloads; `ended` is called once for each that ends while it is followed. */
export function useJob(kind: string, ended: (job: Job) => void): FollowedJob {
  const job = shallowRef<Job | null>(null)
  const away = ref(false)
  const followed = `showfloor.job.${kind}`
  let timer: ReturnType<typeof setTimeout> | undefined
  let gone = false

  function take(next: Job): void {
    if (gone) return
    const wasOpen = isOpen(job.value) && job.value?.job_id === next.job_id
    job.value = next
    sessionStorage.setItem(followed, next.job_id)
    clearTimeout(timer)
    if (isOpen(next)) timer = setTimeout(() => void look(next.job_id), LOOK_MS)
    else if (wasOpen) ended(next)
  }

  async function look(jobId: string): Promise<void> {
    try {
      const found = await api<Job>(`/api/jobs/${jobId}`)
      away.value = false
      if (job.value === null || job.value.job_id === jobId) take(found)
    } catch (reason) {
      const problem = caught(reason)
      away.value = true
      // What passes is waited for; a job that is not ours to read is none.
      if (problem.status === 0 || problem.status >= 500) timer = setTimeout(() => void look(jobId), LOOK_MS * 3)
      else putAside()
    }
  }

  async function start(path: string, file: File): Promise<void> {
    const key = newKey()
    // The bytes themselves: a spreadsheet may have written GB18030, which the server tells apart.
    const raw = { body: file, type: file.type || 'text/csv' }
    take(await persist(() => api<Job>(path, { raw, key, query: { name: file.name.slice(-200) } })))
  }

  async function find(): Promise<void> {
    try {
      const { items } = await api<{ items: Job[] }>('/api/jobs', { query: { kind } })
      const open = items.find(isOpen)
      const before = sessionStorage.getItem(followed)
      const known = open?.job_id ?? items.find((one) => one.job_id === before)?.job_id
      if (known) await look(known)
    } catch (reason) {
      if (!(reason instanceof ApiProblem)) throw reason // the page is of use without it
    }
  }

  async function show(jobId: string): Promise<void> {
    job.value = null
    await look(jobId)
  }

  function putAside(): void {
    clearTimeout(timer)
    sessionStorage.removeItem(followed)
    job.value = null
    away.value = false
  }

  watch(job, (now) => now || clearTimeout(timer))
  onScopeDispose(() => {
    gone = true
    clearTimeout(timer)
  })
  return { job, away, start, find, show, putAside }
}
