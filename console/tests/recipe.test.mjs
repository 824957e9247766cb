// The recipe's form follows the schema that is published, and its words are there in Chinese.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { get, retag, set, withAlgorithm } from '../src/recipe/document.ts'
import { fields } from '../src/recipe/schema.ts'
import { tokens } from '../src/recipe/toml.ts'

const json = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
const schema = json('../../docs/reference/recipe.schema.json')
const form = fields(schema)
const named = (list, name) => list.find((field) => field.name === name)

/** Every field and every word of the form, however deep. */
function* all(list) {
  for (const field of list) {
    yield field
    const kind = field.kind
    if (kind.is === 'table') yield* all(kind.fields)
    if (kind.is === 'variants') for (const variant of kind.variants) yield* all(variant.fields)
    if (kind.is === 'by_column') yield* all([kind.value])
  }
}

test('the form has the fields of the schema, of the right kinds', () => {
  assert.deepEqual(form.map((field) => field.name).sort(), Object.keys(schema.properties).sort())
  assert.equal(named(form, 'metric').kind.is, 'choice')
  assert.equal(named(form, 'metric').optional, true)
  assert.deepEqual(named(form, 'threshold').kind, { is: 'number', whole: false, minimum: 0, maximum: 1 })
  assert.deepEqual(named(form, 'drop').kind, { is: 'list', of: 'text' })
  assert.equal(named(form, 'dataset').optional, false)
  const columns = named(named(form, 'preprocessing').kind.fields, 'columns').kind
  assert.equal(columns.is, 'by_column')
  assert.equal(named(columns.value.kind.fields, 'fill').kind.is, 'number_or_text')
  assert.equal(named(columns.value.kind.fields, 'groups').kind.is, 'groups')
  assert.deepEqual(named(columns.value.kind.fields, 'breaks').kind, { is: 'list', of: 'number' })
})

test('the algorithm is a choice of shapes, each with its own fields', () => {
  const kind = named(form, 'algorithm').kind
  assert.equal(kind.tag, 'name')
  assert.deepEqual(kind.variants.map((variant) => variant.value), ['logistic_regression', 'linear_regression', 'scorecard', 'lightgbm', 'skip_gram', 'network'])
  const trees = kind.variants.find((variant) => variant.value === 'lightgbm').fields
  assert.ok(!named(trees, 'name'), 'the tag is not a field of its own')
  assert.equal(named(trees, 'num_leaves').kind.is, 'number')
  assert.equal(named(trees, 'capacity').kind.is, 'choice')
  assert.equal(named(trees, 'monotone_constraints').kind.value.kind.is, 'choice')
})

// As the schema of networks and pictures writes itself: lists of tables, a table within a shape, words with and without
// a description, a shape that no word tells apart.
const networks = fields({
  properties: {
    keep: { type: 'array', items: { type: 'string' } },
    algorithm: { $ref: '#/$defs/Algorithm' },
    image: { anyOf: [{ $ref: '#/$defs/Image' }, { type: 'null' }] },
  },
  $defs: {
    Algorithm: { oneOf: [{ type: 'object', properties: { name: { const: 'network' }, layers: { type: 'array', items: { $ref: '#/$defs/Layer' } }, epochs: { type: 'integer' }, optimizer: { $ref: '#/$defs/Optimizer' }, size: { $ref: '#/$defs/Pair' }, initial: { oneOf: [{ const: 'zeros' }, { type: 'object', properties: { uniform: { type: 'number' } } }] } } }] },
    Layer: { type: 'object', oneOf: [{ type: 'object', properties: { kind: { const: 'flatten' } } }], properties: { name: { type: 'string' } } },
    Optimizer: { oneOf: [{ type: 'object', properties: { name: { const: 'sgd' }, nesterov: { type: 'boolean', default: false } } }] },
    Image: { type: 'object', properties: { width: { type: 'integer' }, fill: { oneOf: [{ type: 'string', enum: ['nearest', 'wrap'] }, { const: 'constant', description: 'a value' }] } } },
    Pair: { anyOf: [{ type: 'integer' }, { type: 'array', items: { type: 'integer' } }] },
  },
})

test('what the form does not know is left to the text beside it', () => {
  const [network] = named(networks, 'algorithm').kind.variants
  assert.deepEqual(network.fields.map((field) => field.name), ['epochs', 'optimizer', 'size'])
  const [sgd] = named(network.fields, 'optimizer').kind.variants
  assert.deepEqual(named(sgd.fields, 'nesterov').kind, { is: 'boolean' })
  assert.deepEqual(named(networks, 'keep').kind, { is: 'list', of: 'text' })
  const image = named(networks, 'image')
  assert.equal(image.optional, true)
  assert.deepEqual(named(image.kind.fields, 'fill').kind.choices.map((choice) => choice.value), ['nearest', 'wrap', 'constant'])
})

test('a change of the document leaves the old one alone and empties no more than it must', () => {
  const before = { target: 'y', algorithm: { name: 'scorecard', l2: 1 } }
  const after = set(before, ['algorithm', 'l2'], undefined)
  assert.deepEqual(after, { target: 'y', algorithm: { name: 'scorecard' } })
  assert.equal(get(before, ['algorithm', 'l2']), 1)
  assert.deepEqual(set({}, ['preprocessing', 'numeric', 'bins'], 4), { preprocessing: { numeric: { bins: 4 } } })
  assert.deepEqual(set({ a: { b: { c: 1 } }, d: 2 }, ['a', 'b', 'c'], undefined), { d: 2 })
})

test('another algorithm keeps what both know', () => {
  const kind = named(form, 'algorithm').kind
  const table = { name: 'scorecard', l2: 3, base_score: 500 }
  assert.deepEqual(retag(table, kind, 'logistic_regression'), { name: 'logistic_regression', l2: 3 })
  assert.deepEqual(retag(table, kind, 'lightgbm'), { name: 'lightgbm' })
})

test('another algorithm brings its own preprocessing of numbers and texts; rules of single columns stay', () => {
  const preprocessing = { numeric: { encode: 'none', bins: 4 }, text: { encode: 'ordinal', impute: 'keep' }, columns: { age: { encode: 'woe' } } }
  const before = { target: 'y', preprocessing, algorithm: { name: 'lightgbm' } }
  assert.deepEqual(withAlgorithm(before, { name: 'scorecard' }), {
    target: 'y',
    preprocessing: { numeric: { bins: 4 }, columns: { age: { encode: 'woe' } } },
    algorithm: { name: 'scorecard' },
  })
  assert.deepEqual(withAlgorithm(before, { name: 'lightgbm', max_bin: 9 }).preprocessing, preprocessing)
})

test('every field and every word of the schema has its Chinese', () => {
  const { labels, texts } = json('../src/messages/recipe.zh-CN.json')
  const known = json('../src/messages/zh-CN.json')
  const hasLabel = (name) => [`algorithm.${name}`, `metric.${name}`].some((key) => key in known) || name in labels
  const missing = new Set()
  const used = new Set()
  const need = (name, description) => {
    if (name && !hasLabel(name)) missing.add(name)
    if (description && !(description in texts)) missing.add(description)
    used.add(description)
  }
  for (const field of all(form)) {
    need(field.name, field.description)
    if (field.kind.is === 'choice') for (const choice of field.kind.choices) need(choice.value, choice.description)
    if (field.kind.is === 'variants') {
      need(field.kind.tag, '')
      for (const variant of field.kind.variants) need(variant.value, variant.description)
    }
  }
  assert.deepEqual([...missing], [])
  assert.deepEqual(Object.keys(texts).filter((text) => !used.has(text)), [], 'texts that the schema no longer says')
})

test('a line in colour is still the line', () => {
  for (const line of ['positive = "bad" # the class', '[split]', 'drop = ["a#b", "c"]', '# only words', 'l2 = 1e-3', '"odd key".x = true', 'broken = "', '']) {
    assert.equal(tokens(line).map((token) => token.text).join(''), line)
  }
  assert.deepEqual(tokens('drop = ["a#b"]').map((token) => token.kind), ['key', 'plain', 'plain', 'text', 'plain'])
})
