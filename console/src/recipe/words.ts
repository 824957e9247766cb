// What the form calls the fields, and what it says about them: in English the schema's own words, in Chinese the
// translations in messages/recipe.zh-CN.json, which a test compares with the published schema.
import { language, word } from '../lib/i18n.svelte.ts'
import chinese from '../messages/recipe.zh-CN.json'

const labels: Record<string, string> = chinese.labels
const texts: Record<string, string> = chinese.texts

/// The name of a field, where the same word means something else among the words that a field may hold.
export function fieldLabel(name: string): string {
  const own = language.locale === 'zh-CN' ? labels[`field.${name}`] : undefined
  return own ?? label(name)
}

/// The name of a field or of a word that it may hold: `min_data_in_leaf` becomes "Min data in leaf".
export function label(name: string): string {
  for (const prefix of ['algorithm', 'metric']) {
    const known = word(prefix, name)
    if (known !== name) return known
  }
  if (language.locale === 'zh-CN' && labels[name]) return labels[name]
  const text = name.replaceAll('_', ' ').replace(/\b(l[12]|woe|rgb|sgd)\b/g, (short) => short.toUpperCase())
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/// A description from the schema, without the marks of code.
export function help(description: string): string {
  const text = language.locale === 'zh-CN' ? (texts[description] ?? description) : description
  return text.replaceAll('`', '').replaceAll('\n', ' ')
}
