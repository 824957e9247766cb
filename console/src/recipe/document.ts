// A recipe's document as the form changes it: every change makes a new document and leaves the old one alone.

import type { Field, Kind } from './schema.ts'

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
export type Document = { [name: string]: Json }
export type Path = readonly string[]

/// The value at a path; undefined when something on the way is not there.
export function get(document: Json | undefined, path: Path): Json | undefined {
  let value: Json | undefined = document
  for (const name of path) {
    if (!isTable(value)) return undefined
    value = Object.hasOwn(value, name) ? value[name] : undefined
  }
  return value
}

/// The document with a value at a path. `undefined` takes the field away, and a table that became empty by it.
export function set(document: Document, path: Path, value: Json | undefined): Document {
  const [name, ...rest] = path
  if (name === undefined) return document
  const { [name]: old, ...others } = document
  if (rest.length === 0) {
    if (value === undefined) return others
    return inPlace(document, name, value)
  }
  const inner = set(isTable(old) ? old : {}, rest, value)
  if (value === undefined && Object.keys(inner).length === 0) return others
  return inPlace(document, name, inner)
}

/// The field's order stays.
function inPlace(document: Document, name: string, value: Json): Document {
  return { ...document, [name]: value }
}

/// The table after its tag was changed: fields that the new shape knows as well keep their values.
export function retag(table: Json | undefined, kind: Extract<Kind, { is: 'variants' }>, tag: string): Document {
  const variant = kind.variants.find((candidate) => candidate.value === tag)
  const changed: Document = { [kind.tag]: tag }
  if (!variant || !isTable(table)) return changed
  for (const field of variant.fields) {
    const value = table[field.name]
    if (value !== undefined && fits(field, value)) changed[field.name] = value
  }
  return changed
}

/// The document with another algorithm: how numbers and texts are seen goes back to what follows from it.
export function withAlgorithm(document: Document, algorithm: Json | undefined): Document {
  const changed = set(document, ['algorithm'], algorithm)
  if (get(changed, ['algorithm', 'name']) === get(document, ['algorithm', 'name'])) return changed
  const follows = ['numeric', 'text'].flatMap((kind) => ['impute', 'fill', 'encode'].map((field) => ['preprocessing', kind, field]))
  return follows.reduce((all, path) => (get(all, path) === undefined ? all : set(all, path, undefined)), changed)
}

/// Whether a value can stand in a field, by its kind alone.
export function fits(field: Field, value: Json): boolean {
  switch (field.kind.is) {
    case 'choice':
      return field.kind.choices.some((choice) => choice.value === value)
    case 'boolean':
      return typeof value === 'boolean'
    case 'number':
      return typeof value === 'number'
    case 'text':
      return typeof value === 'string'
    case 'number_or_text':
      return typeof value === 'number' || typeof value === 'string'
    case 'list':
    case 'groups':
      return Array.isArray(value)
    default:
      return isTable(value)
  }
}

export function isTable(value: Json | undefined): value is Document {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/// A path as problems name it: `preprocessing.columns.age.bins`.
export function pathText(path: Path): string {
  return path.join('.')
}

/// What a person typed into a number field: a number, nothing, or not a number.
export function readNumber(text: string): { value?: number; wrong?: boolean } {
  const trimmed = text.trim()
  if (trimmed === '') return {}
  const value = Number(trimmed)
  return Number.isFinite(value) ? { value } : { wrong: true }
}
