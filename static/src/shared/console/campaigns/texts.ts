import { addMessages } from '@/shared/i18n'
import en from './i18n/en.json'
import zh from './i18n/zh-CN.json'

addMessages({ 'zh-CN': zh, en })
