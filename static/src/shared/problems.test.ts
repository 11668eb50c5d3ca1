import { expect, test } from 'vitest'
import en from './i18n/en.json'
import zh from './i18n/zh-CN.json'

const sources = import.meta.glob<string>(['../../../server/**/*.py', '../../../live/**/*.py'], { query: '?raw', import: 'default', eager: true })

/** Said to programs, or to a page that mends it without a word. */
const unsaid = new Set([
  'amount-mismatch', 'bad-notice', 'bad-frame', 'malformed-frame', 'unknown-type', 'invalid-frame', 'wrong-order',
  'malformed-fragment', 'entity-tag-mismatch', 'entity-tag-missing',
])
const named = /\bslug(?:, title)? = (?:\d+, )?"([\w-]+)"/g
/** What a refusal of the room's state says in `reason`. */
const reasons = ['room-ended', 'room-not-open', 'room-not-live', 'room-already-live']

const slugs = [...new Set([...reasons, ...Object.values(sources).flatMap((source) => [...source.matchAll(named)].map(([, slug]) => slug!))])]

test('the server’s problems are found', () => expect(slugs.length).toBeGreaterThan(60))

test.each([['zh-CN', zh], ['en', en]])('every problem that a page can meet has its words in %s', (_, { problem }) => {
  expect(slugs.filter((slug) => !unsaid.has(slug) && !(slug in problem)).sort()).toEqual([])
})
