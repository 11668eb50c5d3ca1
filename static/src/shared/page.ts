import { createApp, type App, type Component } from 'vue'
import { createMessages, language, type Messages } from './i18n'

/** Starts a page: its component, its texts, both languages; `<html lang>` and the tab's title follow the language. */
export function openPage(root: Component, messages: Messages, theme: 'paper' | 'cockpit' = 'paper'): App {
  const i18n = createMessages(messages)
  document.documentElement.lang = language.value
  document.documentElement.dataset.theme = theme
  document.title = i18n.global.te('title') ? i18n.global.t('title') : document.title
  const app = createApp(root)
  app.use(i18n)
  app.mount('#app')
  return app
}

/** Segment of the page's address: for `/live/abc`, `segment(1)` is `abc`. */
export function segment(index: number): string {
  return decodeURIComponent(location.pathname.split('/').filter(Boolean)[index] ?? '')
}
