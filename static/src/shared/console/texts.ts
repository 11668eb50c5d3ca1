import type { Messages } from '../i18n'
import en from './i18n/en.json'
import zh from './i18n/zh-CN.json'

/** A page's texts with those that all consoles share. */
export function withConsole(page: Messages): Messages {
  return { 'zh-CN': { ...zh, ...page['zh-CN'] }, en: { ...en, ...page.en } }
}
