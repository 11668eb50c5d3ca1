import { useI18n } from 'vue-i18n'
import { isOpen } from '@/shared/console/jobs/jobs'
import type { Job } from '@/shared/console/types'

export const productsKind = 'catalog.import'
export const storesKind = 'stores.import'
export const peopleKind = 'accounts.import'
export const outcomes = ['created', 'updated', 'unchanged', 'refused'] as const

/** What an import is doing, or became, in words. */
export function useImportWords() {
  const { t, te } = useI18n()
  const number = (n: number): string => n.toLocaleString('en-US')

  const nameOf = (job: Job): string => job.name || t('products.job.unnamed')
  /** Of a product that is known a list changes the price alone. */
  const outcome = (job: Job, name: (typeof outcomes)[number]): string => t(`products.job.${name === 'updated' && job.kind !== productsKind ? 'changed' : name}`)

  function state(job: Job): string {
    if (job.state === 'waiting') return t('products.job.waiting')
    if (job.state === 'failed') return t('products.job.failed')
    if (job.state === 'done') return t('products.job.done', { total: number(job.total ?? 0) })
    if (job.total === null) return t('products.job.reading')
    return t('products.job.running', { done: number(job.done), total: number(job.total) })
  }

  /** In one line, for a list. */
  function brief(job: Job): string {
    if (isOpen(job) || job.state === 'failed') return state(job)
    const told = outcomes.filter((name) => job.counts[name])
    return told.map((name) => `${outcome(job, name)}\u00a0${number(job.counts[name]!)}`.replaceAll(' ', '\u00a0')).join(' · ') || state(job)
  }

  function why(job: Job): string {
    const most = job.problem?.most_rows
    if (typeof most === 'number') return t('products.job.why.too-many-rows', { n: number(most) })
    const slug = job.problem?.slug
    return t(`products.job.why.${te(`products.job.why.${slug}`) ? slug : 'job-failed'}`)
  }

  return { number, nameOf, outcome, state, brief, why }
}
