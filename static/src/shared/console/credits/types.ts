import type { components } from '../../openapi'
import type { Page } from '../../types'

type Schemas = components['schemas']
interface Store { store_id: string; name: string }
interface Guide { account_id: string; name: string }

export interface TouchSeen {
  touch_id: string
  at: string
  store: Store | null
  guide: Guide | null
  inviter: { member_id: string; name: string } | null
  refused: string | null
  counted: boolean
  /** Not in credits that were booked before version 2 of the rules. */
  outcome?: string
}

/** What a credit keeps of the reasons it was booked for. */
export interface Why {
  touches: TouchSeen[]
  chain: { kind: 'guide' | 'store' | 'member' | 'brand'; id: string | null; name: string }[]
  window_days: number
  placed_at?: string
  binding?: { guide: Guide | null; store: Store | null; since: string; until: string; reason: string } | null
  /** The room was not for the bound guide's store. */
  binding_out_of_reach?: boolean
  decision?: { reason: string; by: string }
}

export type Policy = Required<Schemas['Policy']>
export type PolicyVersion = Omit<Schemas['PolicyView'], 'policy'> & { policy: Policy }
export type CreditDetail = Schemas['CreditDetail']
export type Bindings = Schemas['Bindings']
export type Dispute = Schemas['DisputeView']
export interface Disputes extends Page<Dispute> { open: number }
