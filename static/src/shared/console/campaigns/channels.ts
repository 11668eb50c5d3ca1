import { knows, say } from '@/shared/i18n'
import './texts'

/** Where a guide sends a link to. */
export const channels = ['wechat', 'moments', 'group', 'offline', 'sms'] as const

/** A known one in words, an own one as it was written. */
export function channelWords(channel: string): string {
  const key = `campaigns.channel.${channel || 'none'}`
  return knows(key) ? say(key) : channel
}

/** Own words as a channel: without what a channel can't have. */
export const asChannel = (words: string): string => words.normalize('NFKC').toLowerCase().replace(/[\s<>"'&]+/g, '').slice(0, 32)
