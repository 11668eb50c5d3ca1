import { language } from './i18n'

/** ¥29.90 from 2990 fen. Exact: integers only, no floating point. */
export function money(minor: number): string {
  const sign = minor < 0 ? '-' : ''
  const whole = Math.trunc(Math.abs(minor) / 100)
  const rest = String(Math.abs(minor) % 100).padStart(2, '0')
  return `${sign}¥${whole.toLocaleString('en-US')}.${rest}`
}

/** Prices without needless zeros: ¥99, ¥29.90. */
export function shortMoney(minor: number): string {
  return minor % 100 === 0 ? money(minor).slice(0, -3) : money(minor)
}

/** Fen from what a person typed ("29.9", "¥1,200"), or null. */
export function parseMoney(text: string): number | null {
  const match = /^¥?(\d{1,9})(?:\.(\d{0,2}))?$/.exec(text.trim().replace(/[,，\s]/g, '').replace('￥', '¥'))
  if (!match) return null
  return Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0'))
}

/** 3,204 below ten thousand; 1.2万 / 12k above. */
export function crowd(count: number): string {
  if (count < 10_000) return count.toLocaleString('en-US')
  if (language.value === 'zh-CN') return `${(Math.floor(count / 1_000) / 10).toString()}万`
  return `${(Math.floor(count / 100) / 10).toString()}k`
}
