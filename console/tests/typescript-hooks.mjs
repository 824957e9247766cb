// The hook behind typescript.mjs; it runs on a thread of its own.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import typescript from 'typescript'

const compilerOptions = { target: 'ES2023', module: 'ESNext', verbatimModuleSyntax: true }

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context)
  const source = await readFile(fileURLToPath(url), 'utf8')
  const { outputText } = typescript.transpileModule(source, { compilerOptions })
  return { format: 'module', shortCircuit: true, source: outputText }
}
