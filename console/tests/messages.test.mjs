// Both languages say the same things: no key is missing or unused, and placeholders agree.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fill, placeholders } from '../src/lib/message.ts'

const SOURCE = new URL('../src/', import.meta.url)
const read = (name) => JSON.parse(readFileSync(new URL(`messages/${name}.json`, SOURCE), 'utf8'))
const en = read('en')
const zh = read('zh-CN')

const code = readdirSync(SOURCE, { recursive: true })
  .filter((name) => /\.(svelte|ts)$/.test(name))
  .map((name) => readFileSync(new URL(name, SOURCE), 'utf8'))
  .join('\n')

test('both languages have the same keys, in order', () => {
  assert.deepEqual(Object.keys(zh), Object.keys(en))
  assert.deepEqual(Object.keys(en), Object.keys(en).toSorted())
})

test('a message has the same placeholders in both languages', () => {
  for (const key of Object.keys(en)) assert.deepEqual(placeholders(zh[key]), placeholders(en[key]), key)
})

test('no message is empty, and Chinese ones are Chinese', () => {
  // Names and terms that a Chinese analyst writes in Latin letters too.
  const same = new Set(Object.keys(en).filter((key) => en[key] === zh[key]))
  for (const key of Object.keys(en)) {
    assert.notEqual(en[key].trim(), '', key)
    assert.notEqual(zh[key].trim(), '', key)
    if (!same.has(key)) assert.match(zh[key], /\p{Script=Han}/u, `${key}: ${zh[key]}`)
  }
})

test('every key is used', () => {
  // Keys are used as t('a.b'), named in a table as 'a.b', or made: t(`a.${…}`) and word('a', …).
  const made = [...code.matchAll(/`([a-z_]+(?:\.[a-z_]+)*\.)\$\{/g), ...code.matchAll(/\bword\(\s*'([a-z_.]+)'/g)]
  const prefixes = made.map(([, prefix]) => (prefix.endsWith('.') ? prefix : `${prefix}.`))
  const unused = Object.keys(en).filter(
    (key) => !code.includes(`'${key}'`) && !prefixes.some((prefix) => key.startsWith(prefix)),
  )
  assert.deepEqual(unused, [])
})

test('every key that is used exists', () => {
  const used = [...code.matchAll(/\bt\(\s*'([a-z][^']*)'/g)].map(([, key]) => key)
  assert.ok(used.length > 50, 'the search finds the keys')
  assert.deepEqual([...new Set(used)].filter((key) => !(key in en)), [])
})

test('a message is filled by the rules of its language', () => {
  const rows = '{count, plural, one {# row} other {# rows}} of {name}'
  assert.equal(fill(rows, { count: 1, name: 'credit' }, 'en'), '1 row of credit')
  assert.equal(fill(rows, { count: 12345, name: 'credit' }, 'en'), '12,345 rows of credit')
  assert.equal(fill('{count, plural, =0 {none} other {#}}', { count: 0 }, 'en'), 'none')
  assert.equal(fill('共 {count} 行', { count: 12345 }, 'zh-CN'), '共 12,345 行')
  assert.throws(() => fill('{open', {}, 'en'), /not closed/)
})
