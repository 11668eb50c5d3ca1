import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import vue from '@vitejs/plugin-vue'
import { VantResolver } from '@vant/auto-import-resolver'
import components from 'unplugin-vue-components/vite'
import { ElementPlusResolver } from 'unplugin-vue-components/resolvers'
import { defineConfig, type Plugin } from 'vite'

const source = resolve(import.meta.dirname, 'src')
const pagesFolder = resolve(source, 'pages')
const server = process.env.SHOWFLOOR_DEV_SERVER ?? 'http://127.0.0.1:8000'

/** `SHOWFLOOR_PAGES=live,cashier` builds these alone, for a quick look. */
const only = process.env.SHOWFLOOR_PAGES?.split(',')

const pages = readdirSync(pagesFolder)
  .filter((name) => !only || only.includes(name))
  .filter((name) => existsSync(resolve(pagesFolder, name, 'index.html')))
  .sort()

/** Public address of each page: the same table as the server's page routes. */
const addresses: [RegExp, string][] = [
  [/^\/live\/[^/]+$/, 'live'],
  [/^\/p\/[^/]+$/, 'product'],
  [/^\/proof\/[^/]+$/, 'proof'],
  [/^\/control\/[^/]+$/, 'control'],
  [/^\/store\/[^/]+\/screen\/[^/]+$/, 'store_screen'],
  [/^\/store\/[^/]+$/, 'store'],
  [/^\/hq\/members$/, 'members'],
  [/^\/hq\/screen$/, 'screen'],
  [/^\/hq$/, 'hq'],
  [/^\/login$/, 'login'],
  [/^\/setup\/[^/]+$/, 'setup'],
  [/^\/sandbox\/payments\/[^/]+$/, 'cashier'],
  [/^\/reference$/, 'reference'],
  [/^\/$/, 'home'],
]

/** A page is a folder: `pages/live/index.html` is built to `live.html` and served at its public address in development. */
function flatPages(): Plugin {
  return {
    name: 'flat-pages',
    enforce: 'post',
    generateBundle(_options, bundle) {
      for (const [key, file] of Object.entries(bundle)) {
        const page = /^pages\/([^/]+)\/index\.html$/.exec(key)?.[1]
        if (!page || file.type !== 'asset') continue
        delete bundle[key]
        this.emitFile({ type: 'asset', fileName: `${page}.html`, source: file.source })
      }
    },
    configureServer(dev) {
      dev.middlewares.use((request, _response, next) => {
        const path = (request.url ?? '/').split('?')[0] ?? '/'
        const page = request.method === 'GET' && addresses.find(([pattern]) => pattern.test(path))?.[1]
        if (page) request.url = `/pages/${page}/index.html`
        next()
      })
    },
  }
}

/** Vant's icon font as a file of ours: its own CSS holds it as data: (which the CSP refuses) and names a CDN. */
function vantIconFont(): Plugin {
  const cache = resolve(import.meta.dirname, 'node_modules/.cache')
  return {
    name: 'vant-icon-font',
    enforce: 'pre',
    transform(code, id) {
      if (!/vant\/es\/icon\/index\.css/.test(id)) return
      const font = /url\(data:font\/woff2[^,]*,([^)"']+)\)/.exec(code)?.[1]
      if (!font) throw new Error('Vant’s icon CSS has changed: no woff2 found')
      mkdirSync(cache, { recursive: true })
      writeFileSync(resolve(cache, 'vant-icon.woff2'), Buffer.from(font, 'base64'))
      const path = relative(dirname(id.split('?')[0]!), resolve(cache, 'vant-icon.woff2'))
      return code.replace(/@font-face\{[^}]*\}/, `@font-face{font-family:vant-icon;src:url(${path}) format("woff2")}`)
    },
  }
}

export default defineConfig({
  root: source,
  base: '/',
  publicDir: false,
  appType: 'mpa',
  // The room client is a package of its own; here its source is used.
  resolve: { alias: { '@/shared/room-client': resolve(source, 'shared/room-client/index.ts'), '@': source } },
  plugins: [
    vue(),
    components({
      dirs: [],
      dts: only ? false : resolve(source, 'components.d.ts'),
      resolvers: [VantResolver(), ElementPlusResolver({ importStyle: 'css' })],
    }),
    vantIconFont(),
    flatPages(),
  ],
  define: {
    __VUE_OPTIONS_API__: true,
    __VUE_PROD_DEVTOOLS__: false,
    __VUE_I18N_LEGACY_API__: false,
    __VUE_I18N_FULL_INSTALL__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
    // Messages are walked as a tree, never turned into code: the pages' CSP has no 'unsafe-eval'.
    __INTLIFY_JIT_COMPILATION__: true,
  },
  build: {
    outDir: resolve(import.meta.dirname, 'dist'),
    emptyOutDir: true,
    assetsDir: 'assets',
    assetsInlineLimit: 0,
    target: 'es2022',
    cssCodeSplit: true,
    manifest: 'assets/manifest.json',
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1200,
    rollupOptions: {
      input: Object.fromEntries(pages.map((name) => [name, resolve(pagesFolder, name, 'index.html')])),
    },
  },
  server: {
    host: '127.0.0.1',
    proxy: Object.fromEntries(
      ['/api', '/whip', '/whep', '/images', '/schema', '/i/', '/health', '^/sandbox/payments/[^/]+/'].map((path) => [
        path,
        { target: server, changeOrigin: false },
      ]).concat([['/ws', { target: server, ws: true }]]) as [string, object][],
    ),
  },
})
