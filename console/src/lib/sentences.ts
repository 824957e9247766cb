// Sentences of the server in another language, by template: `{name} has no value in any row` with what stands for the
// braces kept as it is. Pure, so that the tests call it as it is.

/// Templates and their translations. The placeholder `number` stands for digits; one that begins with `told` holds a
/// sentence itself, or a list of them; one that begins with `shown` holds a value, or the word for it.
export type Sentences = Record<string, string>

interface Template {
  pattern: RegExp
  names: string[]
  translation: string
}

/// A function that knows the translation of a sentence, or gives nothing.
export function translator(sentences: Sentences): (text: string) => string | undefined {
  const templates = Object.entries(sentences)
    .map(([template, translation]) => compiled(template, translation))
    // The one that says most by itself is the right one.
    .sort((a, b) => b.pattern.source.length - a.pattern.source.length)

  /// Reasons stand behind each other with `; `, marks with `, `.
  function list(text: string): string | undefined {
    for (const [mark, joint] of [['; ', '；'], [', ', '、']] as const) {
      const parts = text.split(mark)
      if (parts.length < 2) continue
      const told = parts.map(tell)
      if (!told.includes(undefined)) return told.join(joint)
    }
    return undefined
  }

  // What was asked of a text already: else the time would grow with a power of how deep sentences lie in each other.
  const asked = new Map<string, string | undefined>()
  return (text) => {
    asked.clear()
    return tell(text)
  }

  function tell(text: string): string | undefined {
    if (!asked.has(text)) asked.set(text, anew(text))
    return asked.get(text)
  }

  function anew(text: string): string | undefined {
    for (const { pattern, names, translation } of templates) {
      const values = pattern.exec(text)?.slice(1)
      if (!values) continue
      const told = values.map((value, at) => {
        const within = /^(told|shown)/.exec(names[at] ?? '')?.[0]
        if (!within) return value
        return list(value) ?? tell(value) ?? (within === 'shown' ? value : undefined)
      })
      if (told.includes(undefined)) continue
      return translation.replace(/\{(\w+)\}/g, (_, name: string) => told[names.indexOf(name)] ?? '')
    }
    return undefined
  }
}

/// The words of a template between its placeholders.
export function literals(template: string): string[] {
  return template.split(/\{\w+\}/)
}

export function placeholdersOf(template: string): string[] {
  return [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string)
}

function compiled(template: string, translation: string): Template {
  const names = placeholdersOf(template)
  const parts = literals(template).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const source = parts.map((part, at) => (at === 0 ? '' : names[at - 1] === 'number' ? '(\\d+)' : '(.+?)') + part).join('')
  return { pattern: new RegExp(`^${source}$`, 's'), names, translation }
}
