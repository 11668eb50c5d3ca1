import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { buy, claim, sendGift, unitsOf } from './buying'

interface Sent { url: string; key: string; body: unknown }
let sent: Sent[]
let answers: (() => Response)[]

const json = (status: number, body: unknown): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } })
const placed = { hold_id: 'h', order_id: 'o', pay_by: '2030-01-01T00:00:00Z', amount_minor: 1 }

beforeEach(() => {
  vi.useFakeTimers()
  sent = []
  answers = []
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    sent.push({ url, key: new Headers(init.headers).get('Idempotency-Key') ?? '', body: JSON.parse(String(init.body)) })
    const answer = answers.shift()
    return answer ? Promise.resolve(answer()) : Promise.reject(new TypeError('network'))
  })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

async function settled<T>(promise: Promise<T>): Promise<T | Error> {
  const caught = promise.catch((reason: Error) => reason)
  await vi.runAllTimersAsync()
  return caught
}

test('a claim whose answer was lost is asked again with the same key', async () => {
  answers = [() => json(503, {}), () => json(201, placed)]
  await expect(settled(claim('r', 'f', unitsOf('s', 1, true), 6_900))).resolves.toEqual(placed)
  expect(sent).toHaveLength(2)
  expect(sent[0]).toEqual(sent[1])
  expect(sent[0]).toMatchObject({ url: '/api/rooms/r/flash-sales/f/holds', body: { quantity: 1, amount_minor: 6_900 } })
})

test('the next tap after giving up is still the same claim', async () => {
  await settled(claim('r', 'f2', unitsOf('s', 1, true), 6_900))
  const first = sent[0]!.key
  answers = [() => json(201, placed)]
  await settled(claim('r', 'f2', unitsOf('s', 1, true), 6_900))
  expect(sent.every((one) => one.key === first)).toBe(true)
})

test('after a refusal the next tap is a new claim', async () => {
  answers = [() => json(409, { slug: 'out-of-stock' }), () => json(201, placed)]
  await expect(settled(claim('r', 'f3', unitsOf('s', 1, true), 6_900))).resolves.toMatchObject({ slug: 'out-of-stock' })
  await settled(claim('r', 'f3', unitsOf('s', 1, true), 6_900))
  expect(sent[0]!.key).not.toBe(sent[1]!.key)
})

test('a claim whose answer was lost is the same claim at another price', async () => {
  await settled(claim('r', 'f5', unitsOf('s', 1, true), 6_900))
  answers = [() => json(201, placed)]
  await settled(claim('r', 'f5', unitsOf('s', 1, true), 5_900))
  expect(sent.at(-1)).toMatchObject({ key: sent[0]!.key, body: { quantity: 1, amount_minor: 5_900 } })
})

test('of a sale with several kinds the lines are named', async () => {
  answers = [() => json(201, placed)]
  await settled(claim('r', 'f4', unitsOf('s', 2, false), 6_900))
  expect(sent[0]!.body).toEqual({ lines: [{ sku_id: 's', quantity: 2 }], amount_minor: 6_900 })
})

test('buying twice and tipping twice are two acts each', async () => {
  answers = [1, 2, 3, 4].map(() => () => json(201, placed))
  await settled(buy('r', [{ sku_id: 's', quantity: 1, price_minor: 2990 }]))
  await settled(buy('r', [{ sku_id: 's', quantity: 1, price_minor: 2990 }]))
  await settled(sendGift('r', 'g', 1))
  await settled(sendGift('r', 'g', 1))
  expect(new Set(sent.map((one) => one.key)).size).toBe(4)
})
