import { beforeEach, expect, test, vi } from 'vitest'
import { ApiProblem } from '@/shared/api'
import { useWaiting } from './waiting'

const asked = vi.hoisted(() => vi.fn())
vi.mock('@/shared/api', async (real) => ({ ...(await real<object>()), asMember: asked }))

const kept = new Map<string, string>()
beforeEach(() => {
  kept.clear()
  asked.mockReset()
  vi.stubGlobal('localStorage', { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value) })
})
const place = (ahead: number) => ({ sale_id: 'f1', units: 1, ahead })

test('a place is kept with those ahead of it, which become fewer', async () => {
  const { places, join, look } = useWaiting('r')
  asked.mockResolvedValueOnce(place(2)).mockResolvedValueOnce(place(1))
  await join('f1', { quantity: 1 })
  expect(asked).toHaveBeenLastCalledWith('/api/rooms/r/flash-sales/f1/waitlist', { body: { quantity: 1 } })
  expect(places.f1).toEqual(place(2))
  await look('f1')
  expect(places.f1).toEqual(place(1))
})

test('who leaves has no place any more, nor whom the server does not know', async () => {
  const { places, join, look, leave } = useWaiting('r')
  asked.mockResolvedValue(place(0))
  await join('f1', {})
  await leave('f1')
  expect(places).toEqual({})
  await join('f1', {})
  asked.mockRejectedValueOnce(new ApiProblem('not-found', 404))
  await look('f1')
  expect(places).toEqual({})
})

test('a place survives a look that failed', async () => {
  const { places, join, look } = useWaiting('r')
  asked.mockResolvedValueOnce(place(0)).mockRejectedValueOnce(new ApiProblem('offline', 0))
  await join('f1', {})
  await look('f1')
  expect(places.f1).toEqual(place(0))
})

test('after the page was opened anew it asks for the places of sales that are open', async () => {
  asked.mockResolvedValue(place(3))
  await useWaiting('r').join('f1', {})
  const anew = useWaiting('r')
  anew.recall(['f2'])
  expect(asked).toHaveBeenCalledTimes(1)
  anew.recall(['f1', 'f2'])
  await vi.waitFor(() => expect(anew.places.f1).toEqual(place(3)))
})
