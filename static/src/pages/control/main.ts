import '@/shared/console/console.css'
import { withConsole } from '@/shared/console/texts'
import { openPage } from '@/shared/page'
import './panel.css'
import App from './App.vue'
import en from './i18n/en.json'
import zh from './i18n/zh-CN.json'

openPage(App, withConsole({ 'zh-CN': zh, en }), 'cockpit')
