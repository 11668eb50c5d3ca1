import type { ChatSetting } from '@/shared/room-client'
import type { ModerationAct } from '@/shared/types'

type Translate = (key: string, values?: Record<string, unknown>) => string

const kinds = new Set([
  'delete', 'restore', 'approve', 'refuse', 'pin', 'unpin', 'answer', 'put_aside', 'reopen', 'setting',
  'mute', 'unmute', 'ban', 'unban', 'appoint', 'dismiss', 'word.added', 'word.removed', 'words.imported',
])

/** `said`: who did what to whom; `about`: the line, the reason, or what was changed. */
export interface ActWords { said: string; about: string }

const keyOf = (act: string): string => act.replaceAll('.', '_')

export const isKnown = ({ act }: Pick<ModerationAct, 'act'>): boolean => kinds.has(act)

export function actWords(act: ModerationAct, t: Translate): ActWords {
  if (!isKnown(act)) return { said: act.act, about: act.note }
  const said = t(`acts.${keyOf(act.act)}`, { target: act.target || t('acts.someone') })
  if (act.act === 'mute') return { said, about: span(Number.parseInt(act.note, 10), t) }
  if (act.act === 'setting') return { said, about: changes(act.detail, t) }
  return { said, about: act.note }
}

/** 10 min, 24 h, 7 days. */
export function span(minutes: number, t: Translate): string {
  if (!Number.isFinite(minutes)) return ''
  if (minutes < 60) return t('acts.minutes', { n: minutes })
  return minutes < 1_440 ? t('acts.hours', { n: Math.round(minutes / 60) }) : t('acts.days', { n: Math.round(minutes / 1_440) })
}

function changes(detail: Record<string, unknown>, t: Translate): string {
  const before = (detail.before ?? {}) as Partial<ChatSetting>
  const after = (detail.after ?? {}) as Partial<ChatSetting>
  const changed = (['pre_review', 'links', 'slow_s'] as const).filter((key) => key in after && before[key] !== after[key])
  return changed.map((key) => `${t(`setting.${key}`)} ${valueWords(before[key], t)} → ${valueWords(after[key], t)}`).join(t('answer.and'))
}

export function valueWords(value: number | boolean | undefined, t: Translate): string {
  if (typeof value === 'number') return value ? t('setting.seconds', { n: value }) : t('setting.off')
  return t(value ? 'setting.on' : 'setting.off')
}
