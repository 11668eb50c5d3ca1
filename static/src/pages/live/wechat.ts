import { ApiProblem, asMember } from '@/shared/api'
import { say } from '@/shared/i18n'
import type { Payment, WeChatVisit } from '@/shared/types'
import { here, leave, outcome, visit, type Errand, type Went } from './buying'
import { wayToPay } from './paying'
import { toast } from './toast'

interface Bridge { invoke: (name: string, parameters: object, done: (answer: { err_msg?: string }) => void) => void }
const bridge = (): Bridge | undefined => (window as { WeixinJSBridge?: Bridge }).WeixinJSBridge

/** With these another way may work; all others are about the order. */
const troubles: Record<string, string> = { 'provider-away': 'away', 'provider-refused': 'refused', unavailable: 'away', offline: 'away' }
const bridgeComes = 6_000

/** WeChat refused to take this payment: perhaps another of its accounts is in use by now. */
let askAnew = false

/** Paid in WeChat's own browser. It says once who is paying, by a visit there and back; what became of it, the server hears. */
export async function payWithin(errand: Errand, begin: () => Promise<Payment>, again: (way: string) => Promise<Went>): Promise<Went> {
  const back = visit.over
  visit.over = false
  const told = whyNot()
  let trouble: string
  try {
    if (askAnew) return await askWeChat(errand)
    const said = await handOver(await begin())
    if (said === 'ok') return await settled(errand)
    if (said === 'cancel') return null
    askAnew = true
    trouble = 'failed'
  } catch (reason) {
    const slug = reason instanceof ApiProblem ? reason.slug : ''
    if (slug === 'openid-needed' && !back) return askWeChat(errand)
    const known = slug === 'openid-needed' ? told || 'stale' : troubles[slug]
    if (!known) throw reason
    trouble = known
  }
  const next = await wayToPay(trouble)
  return next ? again(next) : null
}

async function askWeChat(errand: Errand): Promise<Went> {
  const back = here()
  const { url } = await asMember<WeChatVisit>('/api/payments/wechat/visits', { body: { return_url: back }, keepsCookie: true })
  leave(url, { ...errand, back, way: 'wechat_pay' })
  return 'left'
}

/** What the way back says of a visit without success; said once. */
function whyNot(): string {
  const address = new URL(location.href)
  const why = address.searchParams.get('wechat') ?? ''
  if (why) {
    address.searchParams.delete('wechat')
    history.replaceState(history.state, '', address)
  }
  return ['stale', 'away', 'refused'].includes(why) ? why : ''
}

function handOver({ next }: Payment): Promise<'ok' | 'cancel' | 'fail'> {
  return new Promise((done) => {
    if (next.type !== 'in_app') return done('fail')
    const invoke = (): void => {
      clearTimeout(timer)
      bridge()?.invoke('getBrandWCPayRequest', next.parameters, ({ err_msg = '' }) => {
        const said = /:(ok|cancel)$/.exec(err_msg)?.[1]
        done((said as 'ok' | 'cancel' | undefined) ?? 'fail')
      })
    }
    const timer = setTimeout(() => done('fail'), bridgeComes)
    if (bridge()) invoke()
    else document.addEventListener('WeixinJSBridgeReady', invoke, { once: true })
  })
}

/** WeChat says that it was paid; the order is when its signed notice has come. */
async function settled({ order }: Errand): Promise<Went> {
  toast(say('orders.checking'))
  if (order && (await outcome(order)) === 'paid') toast(say('orders.paid'))
  return 'paid'
}
