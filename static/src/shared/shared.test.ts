import { describe, expect, test } from 'vitest'
import en from './i18n/en.json'
import zh from './i18n/zh-CN.json'
import { createMessages, pickLanguage, say, setLanguage } from './i18n'
import { isHelperLine, isStaffLine, quoteOf } from './lines'
import { crowd, money, parseMoney, shortMoney } from './money'
import { ago, clock, countdown, learnServerTime, serverNow } from './time'

const pageTexts = import.meta.glob<{ default: object }>('../pages/*/i18n/*.json', { eager: true })

function keys(tree: object, before = ''): string[] {
  return Object.entries(tree).flatMap(([name, value]) =>
    typeof value === 'object' ? keys(value as object, `${before}${name}.`) : [`${before}${name}`],
  )
}

describe('money', () => {
  test('is written with two digits and grouped', () => {
    expect(money(2_990)).toBe('¥29.90')
    expect(money(123_456_705)).toBe('¥1,234,567.05')
    expect(money(-5)).toBe('-¥0.05')
    expect(shortMoney(9_900)).toBe('¥99')
    expect(shortMoney(9_950)).toBe('¥99.50')
  })

  test('is read from what people type, exactly', () => {
    expect(parseMoney('29.9')).toBe(2_990)
    expect(parseMoney('￥1,200')).toBe(120_000)
    expect(parseMoney('0.29')).toBe(29)
    expect(parseMoney('1.005')).toBeNull()
    expect(parseMoney('abc')).toBeNull()
  })
})

describe('time', () => {
  test('counts down to zero and no further', () => {
    expect(countdown('2030-01-01T00:00:41Z', Date.parse('2030-01-01T00:00:00Z'))).toBe('00:41')
    expect(countdown('2030-01-01T00:00:00Z', Date.parse('2030-01-01T00:00:09Z'))).toBe('00:00')
    expect(clock(3_723)).toBe('1:02:03')
  })

  test('a slow answer does not move the clock, a wrong phone does', () => {
    const now = Date.now()
    learnServerTime(new Date(now - 2_000).toUTCString(), now - 4_000)
    expect(Math.abs(serverNow() - Date.now())).toBeLessThan(50)
    learnServerTime(new Date(now + 90_000).toUTCString(), now)
    expect(Math.abs(serverNow() - Date.now() - 90_000)).toBeLessThan(2_000)
    learnServerTime(new Date(now).toUTCString(), now)
    expect(Math.abs(serverNow() - Date.now())).toBeLessThan(50)
  })

  test('is told in words of the page’s language', () => {
    createMessages({ 'zh-CN': {}, en: {} })
    const now = Date.parse('2030-01-01T12:00:00Z')
    expect(ago('2030-01-01T11:59:40Z', now)).toBe('刚刚')
    expect(ago('2030-01-01T11:55:00Z', now)).toBe('5 分钟前')
  })
})

describe('language', () => {
  test('is the address’s, then the last choice, then the browser’s, then Chinese', () => {
    expect(pickLanguage('?lang=en', 'zh-CN', ['zh'])).toBe('en')
    expect(pickLanguage('', 'en', ['zh-TW'])).toBe('en')
    expect(pickLanguage('', null, ['fr', 'en-GB'])).toBe('en')
    expect(pickLanguage('', null, ['fr'])).toBe('zh-CN')
  })

  test('both languages have the same shared keys', () => {
    expect(keys(en).sort()).toEqual(keys(zh).sort())
  })

  const pages = [...new Set(Object.keys(pageTexts).map((path) => path.split('/')[2]!))]
  test.each(pages)('page %s has the same keys in both languages', (page) => {
    const [chinese, english] = ['zh-CN', 'en'].map((tag) => pageTexts[`../pages/${page}/i18n/${tag}.json`]!.default)
    expect(keys(english!).sort()).toEqual(keys(chinese!).sort())
  })

  test.each(pages)('page %s leaves the shared keys alone', (page) => {
    const own = Object.keys(pageTexts[`../pages/${page}/i18n/zh-CN.json`]!.default)
    expect(own.filter((name) => name in zh)).toEqual([])
  })

  test('crowds are counted in 万 in Chinese and k in English', () => {
    const store = new Map<string, string>()
    Object.assign(globalThis, { document: { documentElement: {} }, localStorage: { setItem: (k: string, v: string) => store.set(k, v) } })
    createMessages({ 'zh-CN': {}, en: {} })
    expect(crowd(3_204)).toBe('3,204')
    expect(crowd(12_345)).toBe('1.2万')
    setLanguage('en')
    expect(crowd(12_345)).toBe('12.3k')
    expect(say('common.ok')).toBe('OK')
  })
})

describe('who wrote a line', () => {
  test.each([
    ['host', undefined, true, false],
    ['guide', undefined, true, false],
    ['moderator', true, true, false],
    ['moderator', undefined, false, true],
    ['member', undefined, false, false],
  ])('%s, always %s', (role, always, staff, helper) => {
    expect([isStaffLine({ role, always }), isHelperLine({ role, always })]).toEqual([staff, helper])
  })
  test('a quote is cut like the server’s, never through a character', () => {
    const line = { id: 'm', member_id: 'v', name: '阿明', role: 'member', at: '', text: '😀'.repeat(70) }
    expect(quoteOf(line)).toEqual({ id: 'm', member_id: 'v', name: '阿明', text: '😀'.repeat(60) })
  })
})
