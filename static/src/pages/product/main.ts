import '@/shared/theme-vant.css'
import { openPage } from '@/shared/page'
import liveEn from '../live/i18n/en.json'
import liveZh from '../live/i18n/zh-CN.json'
import App from './App.vue'
import en from './i18n/en.json'
import zh from './i18n/zh-CN.json'

// The sheets are the live page's, with its words.
openPage(App, { 'zh-CN': { ...liveZh, ...zh }, en: { ...liveEn, ...en } })
