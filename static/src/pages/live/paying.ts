import { shallowRef } from 'vue'
import { asMember } from '@/shared/api'
import type { PaymentOffers } from '@/shared/types'

/** `trouble`: why the buyer is asked (again); its words are `pay.trouble.*`. */
export interface Choosing { names: string[]; trouble: string; take: (name: string | null) => void }

/** There while the buyer has to say how to pay. */
export const choosing = shallowRef<Choosing | null>(null)
let offered: PaymentOffers['items'] | null = null

/** How to pay; asked only where there is a choice, or trouble. Null: the buyer thought better of it. */
export async function wayToPay(trouble = ''): Promise<string | null> {
  offered ??= (await asMember<PaymentOffers>('/api/payments/providers')).items
  const here = offered.filter((one) => scene() !== 'wechat' || one.within_wechat !== false)
  const names = here.map(({ name }) => name)
  if (here.length < offered.length) trouble ||= 'outside'
  if (!trouble && names.length < 2) return names[0] ?? 'none'
  choosing.value?.take(null)
  return new Promise((take) => (choosing.value = { names, trouble, take }))
}

/** Some providers lead a phone straight to their app, show others a code to scan, or pay within WeChat (not WeCom). */
export function scene(): 'wechat' | 'phone' | 'desktop' {
  const agent = navigator.userAgent
  if (/MicroMessenger/i.test(agent) && !/wxwork/i.test(agent)) return 'wechat'
  return /Mobi|Android|iPhone|iPad/i.test(agent) ? 'phone' : 'desktop'
}
