// Fills one message: `{name}` is replaced, `{count, plural, one {# row} other {# rows}}` is chosen by the locale's rules.
// A small part of ICU's message format, without nesting; the tests read placeholders with the same function.

export type Params = Record<string, string | number>

type Part = string | { name: string; forms: Map<string, string> | null }

export function fill(message: string, params: Params, locale: string): string {
  return parse(message)
    .map((part) => {
      if (typeof part === 'string') return part
      const value = params[part.name]
      if (value === undefined) return `{${part.name}}`
      if (!part.forms) return shown(value, locale)
      const form = part.forms.get(`=${value}`) ?? part.forms.get(rule(Number(value), locale)) ?? part.forms.get('other') ?? ''
      return form.replaceAll('#', shown(value, locale))
    })
    .join('')
}

/// The names of a message's placeholders, sorted.
export function placeholders(message: string): string[] {
  const names = parse(message).flatMap((part) => (typeof part === 'string' ? [] : [part.name]))
  return [...new Set(names)].sort()
}

function parse(message: string): Part[] {
  const parts: Part[] = []
  let at = 0
  while (at < message.length) {
    const open = message.indexOf('{', at)
    if (open < 0) break
    if (open > at) parts.push(message.slice(at, open))
    const close = matching(message, open)
    parts.push(placeholder(message.slice(open + 1, close)))
    at = close + 1
  }
  if (at < message.length) parts.push(message.slice(at))
  return parts
}

function matching(message: string, open: number): number {
  let depth = 0
  for (let at = open; at < message.length; at++) {
    if (message[at] === '{') depth++
    if (message[at] === '}' && --depth === 0) return at
  }
  throw new Error(`the message "${message}" has a brace that is not closed`)
}

function placeholder(inner: string): Part {
  const plural = /^\s*(\w+)\s*,\s*plural\s*,(.*)$/s.exec(inner)
  if (!plural) return { name: inner.trim(), forms: null }
  const forms = new Map<string, string>()
  for (const [, form, text] of (plural[2] ?? '').matchAll(/(=\d+|\w+)\s*\{([^{}]*)\}/g)) forms.set(form ?? '', text ?? '')
  return { name: plural[1] ?? '', forms }
}

const rules = new Map<string, Intl.PluralRules>()
function rule(count: number, locale: string): string {
  let found = rules.get(locale)
  if (!found) rules.set(locale, (found = new Intl.PluralRules(locale)))
  return found.select(count)
}

function shown(value: string | number, locale: string): string {
  return typeof value === 'number' ? value.toLocaleString(locale) : value
}
