// Which route a path belongs to. Pure; lib/router.svelte.ts keeps the present one.

export type Params = Record<string, string>

/// The parameters of `path` under `pattern` (`/data/:name`), or null when it does not belong to it.
export function match(pattern: string, path: string): Params | null {
  const wanted = pattern.split('/').filter(Boolean)
  const given = path.split('/').filter(Boolean)
  if (wanted.length !== given.length) return null
  const params: Params = {}
  for (const [at, part] of wanted.entries()) {
    const value = given[at] ?? ''
    if (!part.startsWith(':')) {
      if (part !== value) return null
      continue
    }
    const decoded = decode(value)
    if (decoded === null) return null
    params[part.slice(1)] = decoded
  }
  return params
}

/// A path with its parts encoded: path`/data/${name}`.
export function path(parts: TemplateStringsArray, ...values: (string | number)[]): string {
  return parts.reduce((text, part, at) => text + part + (at < values.length ? encodeURIComponent(values[at] ?? '') : ''), '')
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
