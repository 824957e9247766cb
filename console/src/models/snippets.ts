// One call of a model as curl, Python and JavaScript, ready to run: the reader puts in a key, nothing else.
//
// Values are quoted for each language, so that a category such as `don't know` does not end its string.

/// A call that a snippet makes.
export interface Call {
  /// The server's own address, as in https://meuse.example.com.
  origin: string
  model: string
  row: Record<string, unknown>
}

/// What stands where the key belongs.
export const KEY_VARIABLE = 'MEUSE_API_KEY'

function address(call: Call): string {
  // A path may hold the marks of a version or an alias as they are.
  const model = encodeURIComponent(call.model).replace('%3A', ':').replace('%40', '@')
  return `${call.origin}/api/v1/models/${model}/predict`
}

function body(call: Call): string {
  return JSON.stringify({ rows: [call.row] }, null, 2)
}

/// For a POSIX shell: within '…' only the quote itself needs care.
function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

export function curl(call: Call): string {
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

/// For Node 18 and newer, or Deno or Bun; a browser page of another origin may not call the server.
export function javascript(call: Call): string {
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
