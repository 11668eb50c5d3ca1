import { expect, test } from 'vitest'
import en from './i18n/en.json'
import zh from './i18n/zh-CN.json'
import campaignsEn from './console/campaigns/i18n/en.json'
import campaignsZh from './console/campaigns/i18n/zh-CN.json'
import creditsEn from './console/credits/i18n/en.json'
import creditsZh from './console/credits/i18n/zh-CN.json'
import talkEn from './conversation/i18n/en.json'
import talkZh from './conversation/i18n/zh-CN.json'
import staffEn from './console/staff/i18n/en.json'
import staffZh from './console/staff/i18n/zh-CN.json'

const sources = import.meta.glob<string>(['../../../server/**/*.py', '../../../live/**/*.py'], { query: '?raw', import: 'default', eager: true })

/** Said to programs, or to a page that mends it without a word. */
const unsaid = new Set([
  'amount-mismatch', 'bad-notice', 'bad-frame', 'malformed-frame', 'unknown-type', 'invalid-frame', 'wrong-order',
  'malformed-fragment', 'entity-tag-mismatch', 'entity-tag-missing', 'job-failed',
  'openid-needed', 'forged-state',
])
const named = /\bslug(?:, title)? = (?:\d+, )?"([\w-]+)"/g
/** What a refusal of the room's state says in `reason`. */
const reasons = ['room-ended', 'room-not-open', 'room-not-live', 'room-already-live']

const slugs = [...new Set([...reasons, ...Object.values(sources).flatMap((source) => [...source.matchAll(named)].map(([, slug]) => slug!))])]

test('the server’s problems are found', () => expect(slugs.length).toBeGreaterThan(60))

/** Said by the parts that can meet them, which come when they are wanted. */
const ofParts = {
  'zh-CN': { ...campaignsZh.problem, ...creditsZh.problem, ...staffZh.problem, ...talkZh.problem },
  en: { ...campaignsEn.problem, ...creditsEn.problem, ...staffEn.problem, ...talkEn.problem },
} as const

test.each([['zh-CN', zh], ['en', en]] as const)('every problem that a page can meet has its words in %s', (tag, { problem }) => {
  expect(slugs.filter((slug) => !unsaid.has(slug) && !(slug in problem) && !(slug in ofParts[tag])).sort()).toEqual([])
})
