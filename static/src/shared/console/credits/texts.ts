import { addMessages } from '@/shared/i18n'
import en from './i18n/en.json'
import zh from './i18n/zh-CN.json'

/** What is said of credits, policies and appeals is loaded with the first part that says it. */
addMessages({ 'zh-CN': zh, en })
