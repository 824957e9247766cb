// What a data set says about a recipe's fields: which words to offer, and which fields make sense for a column. Pure.
import type { ColumnProfile, ColumnSchema, Profile } from '../lib/types.ts'
import { get, type Document, type Path } from '../recipe/document.ts'
import { classes } from './guess.ts'

/// What the form asks about a path of the recipe.
export interface Knowledge {
  /// Words to choose from where the schema knows only "a text".
  suggested: (path: Path) => string[] | undefined
  /// Whether a field, or a word of a choice, can be meant; the server has the last word.
  applies: (path: Path) => boolean
  /// The numbers or texts that a column holds.
  column: (name: string) => ColumnProfile | undefined
}

// Of a column's own rule: what there is for numbers only, and for texts only.
const OF_NUMBERS = new Set(['breaks', 'mean', 'median', 'none', 'standardise', 'quantile_bins'])
const OF_TEXTS = new Set(['groups', 'order', 'unknown', 'most_frequent', 'one_hot', 'ordinal', 'tfidf', 'sequence', 'sentence', 'drop_duplicates'])
// Tables that say more about one way to encode, by that way's word.
const OF_ENCODE: Record<string, string> = { tfidf: 'tfidf', sequence: 'sequence', sentence: 'sentence', image: 'image', augmentation: 'image' }

export function knowledge(columns: ColumnSchema[], profile: Profile | undefined, document: Document | null): Knowledge {
  const value = (...path: string[]) => get(document ?? undefined, path)
  const named = (name: unknown) => columns.find((column) => column.name === name)
  const isText = (name: unknown) => named(name)?.type === 'text'
  const isPicture = (name: unknown) => named(name)?.type === 'image'
  const dropped = value('drop')
  const isFeature = (name: string) =>
    name !== value('target') && name !== value('split', 'column') && !(Array.isArray(dropped) && dropped.includes(name))
  const features = () => columns.map((column) => column.name).filter(isFeature)
  const ofProfile = (name: unknown) => profile?.columns.find((column) => column.name === name)
  const texts = (name: unknown) => named(name)?.categories ?? ofProfile(name)?.frequent.map((one) => one.value)

  function suggested(path: Path): string[] | undefined {
    const [first, second, column, field] = path
    switch (path.slice(0, 2).join('.')) {
      case 'target':
      case 'split.column':
        return columns.map((one) => one.name)
      case 'keep':
      case 'drop':
        return columns.map((one) => one.name).filter((name) => name !== value('target'))
      case 'positive': {
        const values = classes(String(value('target') ?? ''), profile)
        return values.length > 0 ? values : undefined
      }
      case 'algorithm.monotone_constraints':
        return features().filter((name) => !isText(name))
      case 'preprocessing.columns':
        if (column === undefined) return features()
        return field === 'groups' || field === 'order' ? texts(column) : undefined
      default:
        return first === 'split' && second !== 'method' ? texts(value('split', 'column')) : undefined
    }
  }

  function applies(path: Path): boolean {
    const [first, second, column, field] = path
    if (first !== 'preprocessing' || second !== 'columns' || column === undefined || field === undefined || !named(column)) return true
    const word = path.at(-1) ?? ''
    const encode = value('preprocessing', 'columns', column, 'encode') ?? (isPicture(column) ? 'image' : undefined)
    if (OF_ENCODE[field]) return OF_ENCODE[field] === encode
    if (isPicture(column)) return field === 'drop_duplicates' || field === 'encode' && (word === 'encode' || word === 'image')
    if (word === 'image') return false
    if (isText(column) && field === 'treat_as') return false
    const isTreatedAsText = isText(column) || value('preprocessing', 'columns', column, 'treat_as') === 'text'
    return !(isTreatedAsText ? OF_NUMBERS : OF_TEXTS).has(word) || field === 'treat_as'
  }

  return { suggested, applies, column: ofProfile }
}
