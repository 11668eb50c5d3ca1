import { resolve } from 'node:path'
import { defineConfig } from 'vitest/config'

const source = resolve(import.meta.dirname, 'src')

export default defineConfig({
  resolve: { alias: { '@/shared/room-client': resolve(source, 'shared/room-client/index.ts'), '@': source } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
})
