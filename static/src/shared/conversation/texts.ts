import { addMessages } from '@/shared/i18n'
import en from './i18n/en.json'
import zh from './i18n/zh-CN.json'

/** What is said in and of conversations is loaded with the first of them. */
addMessages({ 'zh-CN': zh, en })
