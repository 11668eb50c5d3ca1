// Writes src/shared/openapi.ts from the server's own OpenAPI document. `--check` writes nothing and fails when it differs.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import openapiTS, { astToString } from 'openapi-typescript'

const root = resolve(import.meta.dirname, '../..')
const target = resolve(import.meta.dirname, '../src/shared/openapi.ts')
const python = process.env.PYTHON ?? resolve(root, '.venv/bin/python')

// The document is made without a connection to anything.
const program = `
import json, sys, tempfile
from pathlib import Path
from server.app import create_app
from server.kit.settings import Settings
with tempfile.TemporaryDirectory() as folder:
    settings = Settings(
        database_url="postgresql://unused", redis_url="redis://unused", data=Path(folder), secret="00" * 32,
        base_url="http://unused", sandbox=True,
    )
    json.dump(create_app(settings).openapi_schema.to_schema(), sys.stdout)
`
const document = JSON.parse(execFileSync(python, ['-c', program], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 }))
const schemas = Object.fromEntries(Object.entries(document.components.schemas).sort(([a], [b]) => (a < b ? -1 : 1)))
const tree = await openapiTS({ openapi: '3.1.0', info: document.info, paths: {}, components: { schemas } }, { alphabetize: true })
const text = `// Made by \`npm run types\` from the server's OpenAPI document; not edited by hand.\n${astToString(tree)}`

if (!process.argv.includes('--check')) {
  writeFileSync(target, text)
} else if (readFileSync(target, 'utf8') !== text) {
  console.error('src/shared/openapi.ts differs from the server: run npm run types')
  process.exit(1)
}
