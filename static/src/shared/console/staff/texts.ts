import { addMessages } from '@/shared/i18n'
import en from './i18n/en.json'
import zh from './i18n/zh-CN.json'

/** What is said of staff by phone and of who asks to join is loaded with the first part that says it. */
addMessages({ 'zh-CN': zh, en })
