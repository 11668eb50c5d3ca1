import type { components } from '../openapi'
import type { TalkLine } from '../room-client/wire'

type Schemas = components['schemas']

export type { TalkLine }
export type Side = TalkLine['by']
export type Conversation = Omit<Schemas['ConversationView'], 'side' | 'last' | 'closed'> & {
  side: Side | null
  last: TalkLine | null
  closed: 'guide-left' | 'moved' | 'lapsed' | null
}
export interface Conversations { items: Conversation[]; next: string | null; guide: { account_id: string; name: string } | null }
export interface TalkPage { conversation: Conversation; items: TalkLine[]; before: number | null }
export type TalkProduct = NonNullable<TalkLine['product']>

/** What was said and is on its way; `key` makes it one line however often it is sent. */
export interface Sending { key: string; text?: string; product?: TalkProduct; picture?: File; shown?: string; failed: string }
