// Prints what the live page loads before the first touch, gzipped, and fails above its budget.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { gzipSync } from 'node:zlib'

const budget = 100_000
const dist = resolve(import.meta.dirname, '..', process.argv[2] ?? 'dist')
const manifest = JSON.parse(readFileSync(resolve(dist, 'assets/manifest.json'), 'utf8'))
const entry = Object.values(manifest).find((chunk) => chunk.isEntry && chunk.name === 'live')
if (!entry) throw new Error('the manifest has no live page; run npm run build first')

const byFile = new Map(Object.values(manifest).map((chunk) => [chunk.file, chunk]))
const files = new Set()
function collect(chunk) {
  if (files.has(chunk.file)) return
  files.add(chunk.file)
  for (const name of chunk.imports ?? []) collect(manifest[name])
}
collect(entry)

const styles = new Set([...files].flatMap((file) => byFile.get(file)?.css ?? []))
const gzip = (file) => gzipSync(readFileSync(resolve(dist, file)), { level: 9 }).length
const row = (file) => console.log(`${String(gzip(file)).padStart(8)}  ${file}`)
const sum = (all) => [...all].reduce((total, file) => total + gzip(file), 0)

files.forEach(row)
styles.forEach(row)
const scripts = sum(files)
console.log(`live page before interaction: ${(scripts / 1000).toFixed(1)} kB JavaScript (limit ${budget / 1000} kB), ${(sum(styles) / 1000).toFixed(1)} kB CSS, gzip`)
if (scripts > budget) {
  console.error('over budget: load sheets and consoles lazily')
  process.exit(1)
}
