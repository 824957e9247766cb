// From the published JSON Schema of recipes to the fields of a form. The schema decides which fields there are; this
// file only knows how a schema says "one of these words", "one of these tables", "a table by column".

/// As much of JSON Schema as the recipe's uses.
export interface Schema {
  $ref?: string
  $defs?: Record<string, Schema>
  type?: string | string[]
  const?: unknown
  enum?: unknown[]
  description?: string
  default?: unknown
  minimum?: number
  maximum?: number
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  oneOf?: Schema[]
  anyOf?: Schema[]
}

/// One word that a field may hold.
export interface Choice {
  value: string
  description: string
}

/// One shape that a table may have, told by a word of it, as `algorithm.name`.
export interface Variant extends Choice {
  fields: Field[]
}

/// What kind of input a field wants.
export type Kind =
  | { is: 'choice'; choices: Choice[] }
  | { is: 'number'; whole: boolean; minimum?: number; maximum?: number }
  | { is: 'boolean' }
  | { is: 'text' }
  | { is: 'number_or_text' }
  | { is: 'list'; of: 'text' | 'number' }
  | { is: 'groups' }
  | { is: 'table'; fields: Field[] }
  | { is: 'variants'; tag: string; variants: Variant[] }
  | { is: 'by_column'; value: Field }

/// One field of the form.
export interface Field {
  /// Its name in the document.
  name: string
  description: string
  kind: Kind
  /// It may be absent; what then holds is `fallback`, or described in words.
  optional: boolean
  fallback?: unknown
}

/// The fields of the whole recipe.
export function fields(root: Schema): Field[] {
  return tableFields(root, root)
}

function resolve(root: Schema, schema: Schema): Schema {
  const name = schema.$ref?.replace('#/$defs/', '')
  const target = name === undefined ? undefined : root.$defs?.[name]
  // What stands beside a reference is said about this use of it, and wins.
  return target ? { ...resolve(root, target), ...schema, $ref: undefined } : schema
}

function tableFields(root: Schema, schema: Schema, without?: string): Field[] {
  const required = new Set(schema.required ?? [])
  const shown = ([name, property]: [string, Schema]) => name !== without && !isForText(root, property)
  const entries = Object.entries(schema.properties ?? {}).filter(shown)
  entries.sort(([a], [b]) => place(a) - place(b))
  return entries.map(([name, property]) => field(root, name, property, required.has(name)))
}

/// What is written in the text beside the form: a list of tables, as the layers of a network, and shapes that no word
/// tells apart.
function isForText(root: Schema, property: Schema): boolean {
  const { schema } = withoutNull(root, property)
  const item = resolve(root, schema.items ?? {})
  if (item.type === 'object' || item.oneOf !== undefined) return true
  const parts = (schema.oneOf ?? schema.anyOf ?? []).map((part) => resolve(root, part))
  const tables = parts.filter((part) => part.type === 'object')
  if (tables.length === 0) return false
  return schema.oneOf === undefined || tables.length < parts.length || tagOf(parts) === ''
}

/// The order in which a person thinks of them; the schema's own is that of the alphabet. Others come last.
const ORDER = [
  'dataset', 'task', 'target', 'positive', 'keep', 'drop', 'metric', 'threshold', 'seed',
  'method', 'column', 'training', 'validation', 'test',
  'numeric', 'text', 'columns', 'treat_as', 'impute', 'fill', 'encode', 'bins', 'breaks', 'groups', 'order', 'unknown',
  'tfidf', 'sequence', 'sentence', 'image', 'augmentation', 'loss', 'epochs', 'batch_size', 'optimizer',
  'base_score', 'base_odds', 'points_to_double_odds', 'min_information_value',
  'capacity', 'class_weight', 'num_leaves', 'learning_rate', 'num_iterations', 'early_stopping_round', 'min_data_in_leaf',
  'max_depth', 'max_bin', 'feature_fraction', 'bagging_fraction', 'lambda_l1', 'lambda_l2', 'monotone_constraints',
  'l1', 'l2',
]

function place(name: string): number {
  const at = ORDER.indexOf(name)
  return at < 0 ? ORDER.length : at
}

function field(root: Schema, name: string, property: Schema, required: boolean): Field {
  const { schema, nullable } = withoutNull(root, property)
  const shown: Field = {
    name,
    description: property.description ?? schema.description ?? '',
    kind: kind(root, schema),
    optional: nullable || !required,
  }
  if (property.default !== undefined && property.default !== null) shown.fallback = property.default
  return shown
}

/// The schema of a value that is there.
function withoutNull(root: Schema, property: Schema): { schema: Schema; nullable: boolean } {
  const schema = resolve(root, property)
  const isNull = (part: Schema) => resolve(root, part).type === 'null'
  const parts = schema.anyOf
  if (parts?.some(isNull)) {
    const rest = parts.filter((part) => !isNull(part))
    const only = rest.length === 1 ? resolve(root, rest[0] as Schema) : { ...schema, anyOf: rest }
    return { schema: only, nullable: true }
  }
  if (Array.isArray(schema.type) && schema.type.includes('null')) {
    const types = schema.type.filter((type) => type !== 'null')
    return { schema: { ...schema, type: types.length === 1 ? types[0] : types }, nullable: true }
  }
  return { schema, nullable: false }
}

function kind(root: Schema, schema: Schema): Kind {
  if (schema.enum) return { is: 'choice', choices: words(schema) }
  if (schema.oneOf) return choiceOrVariants(root, schema.oneOf)
  if (schema.anyOf) return { is: 'number_or_text' }
  switch (schema.type) {
    case 'boolean':
      return { is: 'boolean' }
    case 'integer':
    case 'number':
      return number(schema)
    case 'array':
      return list(root, schema)
    case 'object':
      return table(root, schema)
    default:
      return { is: 'text' }
  }
}

function choiceOrVariants(root: Schema, parts: Schema[]): Kind {
  const resolved = parts.map((part) => resolve(root, part))
  const choices = resolved.flatMap(words)
  if (resolved.every((part) => part.type !== 'object')) return { is: 'choice', choices }
  const tag = tagOf(resolved)
  const variants = resolved.map((part) => ({
    value: String(part.properties?.[tag]?.const),
    description: part.description ?? '',
    fields: tableFields(root, part, tag),
  }))
  return { is: 'variants', tag, variants }
}

/// The words that a schema lists, one or several.
function words(schema: Schema): Choice[] {
  const listed = schema.const !== undefined ? [schema.const] : (schema.enum ?? [])
  return listed.map((value) => ({ value: String(value), description: schema.const !== undefined ? (schema.description ?? '') : '' }))
}

/// The property whose constant tells the shapes apart.
function tagOf(shapes: Schema[]): string {
  const properties = Object.entries(shapes[0]?.properties ?? {})
  return properties.find(([, property]) => property.const !== undefined)?.[0] ?? ''
}

function number(schema: Schema): Kind {
  const shown: Kind = { is: 'number', whole: schema.type === 'integer' }
  if (schema.minimum !== undefined) shown.minimum = schema.minimum
  if (schema.maximum !== undefined) shown.maximum = schema.maximum
  return shown
}

function list(root: Schema, schema: Schema): Kind {
  const item = resolve(root, schema.items ?? {})
  if (item.type === 'array') return { is: 'groups' }
  return { is: 'list', of: item.type === 'number' || item.type === 'integer' ? 'number' : 'text' }
}

function table(root: Schema, schema: Schema): Kind {
  const value = schema.additionalProperties
  if (typeof value === 'object') return { is: 'by_column', value: field(root, '', value, true) }
  return { is: 'table', fields: tableFields(root, schema) }
}
