import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const asked = vi.hoisted(() => vi.fn())
vi.mock('@/shared/api', () => ({ asMember: asked }))

const offers = (names: string[]): { name: string; within_wechat?: boolean }[] => names.map((name) => ({ name }))

async function paying(...names: string[]): Promise<typeof import('./paying')> {
  vi.resetModules()
  asked.mockReset().mockResolvedValue({ items: offers(names) })
  return import('./paying')
}

beforeEach(() => vi.stubGlobal('navigator', { userAgent: 'Firefox' }))
afterEach(() => vi.unstubAllGlobals())

describe('how to pay', () => {
  beforeEach(() => vi.resetModules())
  it('is not asked where there is one way', async () => {
    const { choosing, wayToPay } = await paying('sandbox')
    expect(await wayToPay()).toBe('sandbox')
    expect(await wayToPay()).toBe('sandbox')
    expect(choosing.value).toBeNull()
    expect(asked).toHaveBeenCalledTimes(1)
  })
  it('is asked where there are several, and may be put aside', async () => {
    const { choosing, wayToPay } = await paying('wechat_pay', 'stripe')
    const first = wayToPay()
    await vi.waitFor(() => expect(choosing.value?.names).toEqual(['wechat_pay', 'stripe']))
    const second = wayToPay()
    expect(await first).toBeNull()
    await vi.waitFor(() => expect(choosing.value).not.toBeNull())
    choosing.value!.take('stripe')
    expect(await second).toBe('stripe')
  })
})

describe('where the buyer is', () => {
  it.each([
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148 MicroMessenger/8.0.50(0x1800322e) NetType/WIFI', 'wechat'],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/122 Safari/537.36 MicroMessenger/7.0.20.1781(0x6700143B) WindowsWechat', 'wechat'],
    ['Mozilla/5.0 (Linux; Android 14; Pixel 8) Mobile Safari/537.36 wxwork/4.1.30 MicroMessenger/7.0.1', 'phone'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1', 'phone'],
    ['Mozilla/5.0 (X11; Linux x86_64) Chrome/140 Safari/537.36', 'desktop'],
  ])('is known by %s', async (userAgent, where) => {
    vi.stubGlobal('navigator', { userAgent })
    expect((await paying()).scene()).toBe(where)
  })
  it('leaves out what can not be used within WeChat, and says so', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Mobile MicroMessenger/8' })
    const { choosing, wayToPay } = await paying()
    asked.mockResolvedValue({ items: [{ name: 'wechat_pay', within_wechat: false }, { name: 'stripe' }] })
    void wayToPay()
    await vi.waitFor(() => expect(choosing.value).toMatchObject({ names: ['stripe'], trouble: 'outside' }))
  })
})
