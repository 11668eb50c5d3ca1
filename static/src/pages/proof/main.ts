import '@/shared/base.css'
import { openPage } from '@/shared/page'
import App from './App.vue'
import en from './i18n/en.json'
import zh from './i18n/zh-CN.json'

openPage(App, { 'zh-CN': zh, en })
