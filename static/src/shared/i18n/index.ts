import { ref } from 'vue'
import { createI18n } from 'vue-i18n'
import en from './en.json'
import zh from './zh-CN.json'

export type Language = 'zh-CN' | 'en'
type Tree = { [key: string]: string | Tree }
export type Messages = Record<Language, Tree>

const shelf = 'showfloor.language'

/** `?lang=`, then the last choice, then the browser's languages, then Chinese. */
export function pickLanguage(query: string, kept: string | null, browser: readonly string[]): Language {
  const wanted = [new URLSearchParams(query).get('lang'), kept, ...browser]
  for (const tag of wanted) {
    if (tag?.toLowerCase().startsWith('zh')) return 'zh-CN'
    if (tag?.toLowerCase().startsWith('en')) return 'en'
  }
  return 'zh-CN'
}

function keptLanguage(): string | null {
  try {
    return localStorage.getItem(shelf)
  } catch {
    return null
  }
}

export const language = ref<Language>(
  typeof location === 'undefined' ? 'zh-CN' : pickLanguage(location.search, keptLanguage(), navigator.languages),
)

function build(messages: Messages) {
  return createI18n({
    legacy: false,
    locale: language.value as string,
    fallbackLocale: 'zh-CN',
    messages: {
      'zh-CN': { ...zh, ...messages['zh-CN'] },
      en: { ...en, ...messages.en },
    } as Record<string, Tree>,
  })
}

let current: ReturnType<typeof build> | undefined

export function createMessages(messages: Messages): ReturnType<typeof build> {
  current = build(messages)
  return current
}

/** Texts that come with a part of the page that is loaded when it is wanted. */
export function addMessages(more: Messages): void {
  for (const [tag, texts] of Object.entries(more)) current?.global.mergeLocaleMessage(tag, texts)
}

export function setLanguage(next: Language): void {
  language.value = next
  document.documentElement.lang = next
  if (current) current.global.locale.value = next
  try {
    localStorage.setItem(shelf, next)
  } catch {
    // Private windows may refuse storage; the choice then lasts for this page.
  }
}

/** For code outside components. */
export function say(key: string, values: Record<string, unknown> = {}): string {
  return current ? current.global.t(key, values) : key
}

export function knows(key: string): boolean {
  return current ? current.global.te(key) || current.global.te(key, 'zh-CN') : false
}
