// Colours for a recipe's text, line by line. It reads no TOML: what is wrong is the server's to say.

export type Kind = 'plain' | 'comment' | 'header' | 'key' | 'text' | 'number' | 'word'

export interface Token {
  kind: Kind
  text: string
}

const PARTS = /("(?:\\.|[^"\\])*"?|'[^']*'?)|(#.*$)|(\b(?:true|false|inf|nan)\b)|([+-]?\b\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?\b)/g

/// The line in pieces; joined they are the line again.
export function tokens(line: string): Token[] {
  if (/^\s*#/.test(line)) return [{ kind: 'comment', text: line }]
  const header = /^(\s*\[\[?[^\]#]*\]\]?)(.*)$/.exec(line)
  if (header) return [{ kind: 'header', text: header[1] ?? '' }, ...values(header[2] ?? '')]
  const pair = /^(\s*(?:[\w-]+|"[^"]*")(?:\s*\.\s*(?:[\w-]+|"[^"]*"))*)(\s*=)(.*)$/.exec(line)
  if (!pair) return values(line)
  return [{ kind: 'key', text: pair[1] ?? '' }, { kind: 'plain', text: pair[2] ?? '' }, ...values(pair[3] ?? '')]
}

function values(text: string): Token[] {
  const found: Token[] = []
  let at = 0
  for (const match of text.matchAll(PARTS)) {
    if (match.index > at) found.push({ kind: 'plain', text: text.slice(at, match.index) })
    const kind = match[1] !== undefined ? 'text' : match[2] !== undefined ? 'comment' : match[3] !== undefined ? 'word' : 'number'
    found.push({ kind, text: match[0] })
    at = match.index + match[0].length
  }
  if (at < text.length) found.push({ kind: 'plain', text: text.slice(at) })
  return found
}
