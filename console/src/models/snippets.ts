// One call of a model as curl, Python and JavaScript, ready to run: the reader puts in a key, nothing else.
//
// Values are quoted for each language, so that a category such as `don't know` does not end its string.

/// A call that a snippet makes.
export interface Call {
  /// The server's own address, as in https://meuse.example.com.
  origin: string
  model: string
  row: Record<string, unknown>
  /// The inputs that are pictures: such a call sends files and the other values as a form.
  pictures?: string[]
}

/// What stands where the key belongs.
export const KEY_VARIABLE = 'MEUSE_API_KEY'

function address(call: Call): string {
  // A path may hold the marks of a version or an alias as they are.
  const model = encodeURIComponent(call.model).replace('%3A', ':').replace('%40', '@')
  return `${call.origin}/api/v1/models/${model}/predict`
}

/// The pictures of a call as files: name of the input, name of the file.
function files(call: Call): [string, string][] {
  const names = call.pictures ?? []
  return names.map((name) => [name, names.length === 1 ? 'picture.png' : `${name}.png`])
}

/// The other values of a call that sends files, as texts; missing ones are left out.
function texts(call: Call): [string, string][] {
  const others = Object.entries(call.row).filter(([name, value]) => value !== null && !call.pictures?.includes(name))
  return others.map(([name, value]) => [name, typeof value === 'string' && readsOtherwise(value) ? JSON.stringify(value) : String(value)])
}

/// Whether the server would take a text of a form for a number, for true or false, or for a text in quotes.
function readsOtherwise(text: string): boolean {
  try {
    return typeof JSON.parse(text) !== 'object' || text.trim() === 'null'
  } catch {
    return false
  }
}

function body(call: Call): string {
  return JSON.stringify({ rows: [call.row] }, null, 2)
}

/// For a POSIX shell: within '…' only the quote itself needs care.
function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/// A word of a command, quoted where it must be.
function shellWord(text: string): string {
  return /^[\w@=.,:/-]+$/.test(text) ? text : shellQuoted(text)
}

export function curl(call: Call): string {
  if (call.pictures?.length) return curlFiles(call)
  return [
    `export ${KEY_VARIABLE}=YOUR_KEY`,
    '',
    `curl -sS ${shellQuoted(address(call))} \\`,
    `  -H "Authorization: Bearer $${KEY_VARIABLE}" \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d ${shellQuoted(body(call))}`,
    '',
  ].join('\n')
}

function curlFiles(call: Call): string {
  const parts = [
    `curl -sS ${shellQuoted(address(call))}`,
    `-H "Authorization: Bearer $${KEY_VARIABLE}"`,
    ...files(call).map(([name, file]) => `-F ${shellWord(`${name}=@${file}`)}`),
    // A text may begin with the marks that curl takes for a file.
    ...texts(call).map(([name, value]) => `--form-string ${shellWord(`${name}=${value}`)}`),
  ]
  return [`export ${KEY_VARIABLE}=YOUR_KEY`, '', parts.join(' \\\n  '), ''].join('\n')
}

/// A value as Python writes it: JSON but for True, False and None.
export function pythonLiteral(value: unknown, indent = ''): string {
  if (value === null || value === undefined) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'string') return JSON.stringify(value).replace(/[\u007f-\uffff]/g, escapedUnlessPrintable)
  if (typeof value !== 'object') return String(value)
  const deeper = `${indent}    `
  if (Array.isArray(value)) {
    const items = value.map((item) => `${deeper}${pythonLiteral(item, deeper)},\n`)
    return `[\n${items.join('')}${indent}]`
  }
  const entries = Object.entries(value).map(
    ([name, item]) => `${deeper}${pythonLiteral(name)}: ${pythonLiteral(item, deeper)},\n`,
  )
  return `{\n${entries.join('')}${indent}}`
}

/// Letters of any language stay as they are; a control character or half a pair would not survive a copy.
function escapedUnlessPrintable(character: string): string {
  const code = character.charCodeAt(0)
  const fragile = code < 0xa0 || (code >= 0x2028 && code <= 0x2029) || code === 0xfeff
  return fragile ? `\\u${code.toString(16).padStart(4, '0')}` : character
}

/// Python's standard library is enough.
export function python(call: Call): string {
  if (call.pictures?.length) return pythonFiles(call)
  return [
    'import json',
    'import os',
    'import urllib.request',
    '',
    `row = ${pythonLiteral(call.row)}`,
    'request = urllib.request.Request(',
    `    ${pythonLiteral(address(call))},`,
    '    data=json.dumps({"rows": [row]}).encode(),',
    '    headers={',
    `        "Authorization": "Bearer " + os.environ["${KEY_VARIABLE}"],`,
    '        "Content-Type": "application/json",',
    '    },',
    ')',
    'with urllib.request.urlopen(request) as response:',
    '    print(json.load(response))',
    '',
  ].join('\n')
}

/// Python's own library writes no forms with files.
function pythonFiles(call: Call): string {
  const others = texts(call)
  return [
    'import os',
    '',
    'import requests',
    '',
    'response = requests.post(',
    `    ${pythonLiteral(address(call))},`,
    `    headers={"Authorization": "Bearer " + os.environ["${KEY_VARIABLE}"]},`,
    '    files={',
    ...files(call).map(([name, file]) => `        ${pythonLiteral(name)}: open(${pythonLiteral(file)}, "rb"),`),
    '    },',
    ...(others.length > 0 ? [`    data=${pythonLiteral(Object.fromEntries(others), '    ')},`] : []),
    ')',
    'print(response.json())',
    '',
  ].join('\n')
}

/// For Node 18 and newer, or Deno or Bun; a browser page of another origin may not call the server.
export function javascript(call: Call): string {
  if (call.pictures?.length) return javascriptFiles(call)
  return [
    `const row = ${JSON.stringify(call.row, null, 2)};`,
    '',
    `const response = await fetch(${JSON.stringify(address(call))}, {`,
    "  method: 'POST',",
    '  headers: {',
    `    Authorization: \`Bearer \${process.env.${KEY_VARIABLE}}\`,`,
    "    'Content-Type': 'application/json',",
    '  },',
    '  body: JSON.stringify({ rows: [row] }),',
    '});',
    'console.log(await response.json());',
    '',
  ].join('\n')
}

function javascriptFiles(call: Call): string {
  const append = (name: string, ...rest: string[]) => `form.append(${[JSON.stringify(name), ...rest].join(', ')});`
  return [
    "import { readFile } from 'node:fs/promises';",
    '',
    'const form = new FormData();',
    ...files(call).map(([name, file]) => append(name, `new Blob([await readFile(${JSON.stringify(file)})])`, JSON.stringify(file))),
    ...texts(call).map(([name, value]) => append(name, JSON.stringify(value))),
    '',
    `const response = await fetch(${JSON.stringify(address(call))}, {`,
    "  method: 'POST',",
    `  headers: { Authorization: \`Bearer \${process.env.${KEY_VARIABLE}}\` },`,
    '  body: form,',
    '});',
    'console.log(await response.json());',
    '',
  ].join('\n')
}
