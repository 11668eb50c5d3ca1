import { percent, points } from '@/shared/console/credits/words'
import type { Policy } from '@/shared/console/credits/types'
import { money } from '@/shared/money'

export type Say = (key: string, values?: Record<string, unknown>) => string

const levels = ['share1', 'share2'] as const

/** Each rate of a policy with its name's key. */
function rates(policy: Policy): [string, number][] {
  const shared = levels.map((key, at): [string, number] => [key, policy.sharing_bp[at] ?? 0])
  return [['guide', policy.guide_bp], ['store', policy.store_bp], ...shared]
}

export const sumOf = (policy: Policy): number => rates(policy).reduce((sum, [, bp]) => sum + bp, 0)

/** What a change of policy means, line by line; empty where it changes nothing. */
export function changes(was: Policy, now: Policy, say: Say): string[] {
  const lines: string[] = []
  const tell = (key: string, values?: Record<string, unknown>): number => lines.push(say(`credits.policy.say.${key}`, values))
  if (was.window_days !== now.window_days) tell('window', { n: now.window_days, was: was.window_days })
  if (was.binds !== now.binds) {
    if (now.binds === 'never') tell('bindNever')
    else tell(`bind_${now.binds}`, { n: now.protection_days })
  }
  if (was.protection_days !== now.protection_days && (was.binds === now.binds || now.binds === 'never')) tell('protection', { n: now.protection_days, was: was.protection_days })
  if (was.renews !== now.renews) tell(now.renews ? 'renewsOn' : 'renewsOff')
  const before = new Map(rates(was))
  for (const [key, bp] of rates(now)) {
    const old = before.get(key) ?? 0
    if (old !== bp) tell('rate', { who: say(`credits.policy.${key}`), now: points(bp), was: points(old), sum: money(bp) })
  }
  const who = say(`credits.policy.for.${now.bonus_for}`)
  if (was.bonus_minor !== now.bonus_minor) {
    if (now.bonus_minor) tell('bonus', { who, now: money(now.bonus_minor), was: money(was.bonus_minor) })
    else tell('bonusNone')
  } else if (was.bonus_for !== now.bonus_for && now.bonus_minor) tell('bonusFor', { who })
  return lines
}

/** A policy in words: the rules in order, then what is paid out. */
export function inWords(policy: Policy, say: Say): { rules: string[]; renews: string; pays: string[] } {
  const read = (key: string, values?: Record<string, unknown>): string => say(`credits.policy.read.${key}`, values)
  const paid = rates(policy).filter(([, bp]) => bp)
  const list = paid.map(([key, bp]) => `${say(`credits.policy.${key}`)} ${percent(bp)}`).join(' · ')
  return {
    rules: [read(`bound_${policy.binds}`, { n: policy.protection_days }), read('touch', { n: policy.window_days }), read('room'), read('brand')],
    renews: policy.binds !== 'never' && policy.renews ? read('renews') : '',
    pays: [
      paid.length ? read('rates', { list }) : read('noRates'),
      ...(policy.bonus_minor ? [read('bonus', { sum: money(policy.bonus_minor), who: say(`credits.policy.for.${policy.bonus_for}`) })] : []),
    ],
  }
}
