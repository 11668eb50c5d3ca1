import '@/shared/theme-vant.css'
import { openPage } from '@/shared/page'
import App from './App.vue'
import './cashier.css'
import en from './i18n/en.json'
import zh from './i18n/zh-CN.json'

openPage(App, { 'zh-CN': zh, en })
