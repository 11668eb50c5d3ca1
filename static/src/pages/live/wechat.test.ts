import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const asked = vi.hoisted(() => vi.fn())
vi.mock('@/shared/api', async (original) => ({ ...(await original<typeof import('@/shared/api')>()), asMember: asked }))

type Answer = 'ok' | 'cancel' | 'fail'
let kept: Map<string, string>
let page: { href: string; pathname: string; search: string; assign: ReturnType<typeof vi.fn> }
let ready: (() => void) | null
const invoked: [string, object][] = []

const begun = { payment_id: 'p', provider: 'wechat_pay', cashier_url: '/pay/p', next: { type: 'in_app', parameters: { package: 'prepay_id=wx1' } } }
const shown = { hold: { hold_id: 'h', order_id: 'o1', sale_id: 's', quantity: 1, amount_minor: 9_900, pay_by: '2030-01-01T00:00:00Z' }, title: 'Longjing', sale: true }
const visitTo = 'https://open.weixin.qq.com/connect/oauth2/authorize?state=1#wechat_redirect'

/** The page is opened at this address; the bridge answers so, when it is there. */
function opened(search = '?i=AbC', ...answers: Answer[]): void {
  const at = new URL(`https://shop.example/live/1${search}`)
  page = { href: at.href, pathname: at.pathname, search: at.search, assign: vi.fn() }
  vi.stubGlobal('location', page)
  vi.stubGlobal('history', { state: null, replaceState: (_: unknown, __: string, to: URL) => Object.assign(page, { href: to.href, search: to.search }) })
  vi.stubGlobal('navigator', { userAgent: 'iPhone Mobile MicroMessenger/8.0', languages: ['zh-CN'] })
  vi.stubGlobal('sessionStorage', { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value), removeItem: (key: string) => kept.delete(key) })
  ready = null
  vi.stubGlobal('document', { createElement: () => ({}), addEventListener: (_: string, run: () => void) => (ready = run) })
  const bridge = { invoke: (name: string, parameters: object, done: (answer: object) => void) => {
    invoked.push([name, parameters])
    done({ err_msg: `get_brand_wcpay_request:${answers.shift()}` })
  } }
  vi.stubGlobal('window', answers.length ? { WeixinJSBridge: bridge } : {})
}

/** What the server answers, by the end of the path; a list is taken from one by one. */
async function serving(answers: Record<string, unknown[]>): Promise<typeof import('./buying')> {
  const { ApiProblem } = await import('@/shared/api')
  const all: Record<string, unknown[]> = { providers: [{ items: [{ name: 'wechat_pay' }] }], ...answers }
  asked.mockReset().mockImplementation((path: string) => {
    const name = path.split('/').at(-1)!
    const answer = all[name]!.length > 1 ? all[name]!.shift() : all[name]![0]
    return typeof answer === 'string' ? Promise.reject(new ApiProblem(answer, 422)) : Promise.resolve(answer)
  })
  return import('./buying')
}

const sent = (path: string): unknown[] => asked.mock.calls.filter(([to]) => (to as string).endsWith(path)).map(([, call]) => call)

beforeEach(() => {
  vi.resetModules()
  vi.useFakeTimers()
  kept = new Map()
  invoked.length = 0
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('paying within WeChat', () => {
  it('goes to WeChat once and comes back to the same order', async () => {
    opened()
    const { pay, comeBack } = await serving({ payments: ['openid-needed'], visits: [{ url: visitTo }] })
    expect(await pay('o1', undefined, shown)).toBe('left')
    expect(page.assign).toHaveBeenCalledExactlyOnceWith(visitTo)
    expect(sent('visits')).toEqual([{ body: { return_url: '/live/1?i=AbC' }, keepsCookie: true }])
    expect(comeBack()).toEqual({ back: '/live/1?i=AbC', order: 'o1', shown, way: 'wechat_pay' })
  })

  it('hands what the server signed to the bridge, and sends no openid', async () => {
    opened('', 'ok')
    const { pay } = await serving({ payments: [begun], o1: [{ status: 'paid' }] })
    expect(await pay('o1')).toBe('paid')
    expect(invoked).toEqual([['getBrandWCPayRequest', begun.next.parameters]])
    expect(sent('payments')).toEqual([{ body: { provider: 'wechat_pay', scene: 'wechat', return_url: '/live/1' } }])
    expect(page.assign).not.toHaveBeenCalled()
  })

  it('waits for a bridge that comes late, but not for ever', async () => {
    opened()
    const { pay } = await serving({ payments: [begun] })
    const { choosing } = await import('./paying')
    const late = pay('o1')
    await vi.waitFor(() => expect(ready).not.toBeNull())
    vi.stubGlobal('window', { WeixinJSBridge: { invoke: (_: string, __: object, done: (answer: object) => void) => done({ err_msg: 'get_brand_wcpay_request:cancel' }) } })
    ready!()
    expect(await late).toBeNull()
    vi.stubGlobal('window', {})
    void pay('o1')
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1))
    await vi.advanceTimersByTimeAsync(6_000)
    await vi.waitFor(() => expect(choosing.value?.trouble).toBe('failed'))
  })

  it('leaves the buyer alone who thought better of it', async () => {
    opened('', 'cancel')
    const { pay } = await serving({ payments: [begun] })
    const { choosing } = await import('./paying')
    expect(await pay('o1')).toBeNull()
    expect(choosing.value).toBeNull()
  })

  it('offers another way after a failure, and asks WeChat anew when it is tried again', async () => {
    opened('', 'fail')
    const { pay } = await serving({ payments: [begun], visits: [{ url: visitTo }] })
    const { choosing } = await import('./paying')
    const going = pay('o1')
    await vi.waitFor(() => expect(choosing.value).toMatchObject({ names: ['wechat_pay'], trouble: 'failed' }))
    choosing.value!.take('wechat_pay')
    expect(await going).toBe('left')
    expect(page.assign).toHaveBeenCalledExactlyOnceWith(visitTo)
  })

  it.each([['away', 'away'], ['refused', 'refused'], ['stale', 'stale'], ['<b>', 'stale'], ['', 'stale']])(
    'does not go round in circles when WeChat said nothing (%s)',
    async (told, trouble) => {
      kept.set('showfloor.paying', JSON.stringify({ back: '/live/1', order: 'o1', way: 'wechat_pay' }))
      opened(told && `?i=AbC&wechat=${encodeURIComponent(told)}`)
      const { pay, comeBack } = await serving({ payments: ['openid-needed'], visits: [{ url: visitTo }] })
      const { choosing } = await import('./paying')
      const going = pay('o1', comeBack()!.way)
      await vi.waitFor(() => expect(choosing.value?.trouble).toBe(trouble))
      expect(page.search).not.toContain('wechat=')
      expect(sent('visits')).toEqual([])
      choosing.value!.take(null)
      expect(await going).toBeNull()
    },
  )

  it('shows what is wrong with the order as ever', async () => {
    opened()
    const { pay } = await serving({ payments: ['payment-too-late'] })
    await expect(pay('o1')).rejects.toMatchObject({ slug: 'payment-too-late' })
  })

  it('tops up the wallet by the same way', async () => {
    opened()
    const { topUp, comeBack } = await serving({ 'top-ups': ['openid-needed'], visits: [{ url: visitTo }] })
    expect(await topUp('r1', 3_000)).toBe('left')
    expect(comeBack()).toEqual({ back: '/live/1?i=AbC', order: null, amount_minor: 3_000, way: 'wechat_pay' })
  })

  it('leads to the cashier of another provider', async () => {
    opened()
    const { pay } = await serving({ providers: [{ items: [{ name: 'stripe' }] }], payments: [{ ...begun, cashier_url: 'https://checkout.stripe.com/c/1' }] })
    expect(await pay('o1')).toBe('left')
    expect(page.assign).toHaveBeenCalledExactlyOnceWith('https://checkout.stripe.com/c/1')
  })
})
