// What the page of pictures works out by itself: what augmentation is asked for, and the lines of the recipe.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { aboutSetting, augmentation, FILLS, FLIPS, nothing, NUMBERS, recipeLines, usual } from '../src/pages/data/augment.ts'

test('the usual augmentation is one line of a recipe, and nothing is an empty table', () => {
  assert.deepEqual(augmentation(usual()), {
    rotation: 40, width_shift: 0.2, height_shift: 0.2, shear: 0.2, zoom: 0.2, horizontal_flip: true, fill: 'nearest',
  })
  assert.deepEqual(recipeLines(usual()).trim().split('\n'), [
    '[preprocessing.columns.image]',
    'augmentation = { rotation = 40, width_shift = 0.2, height_shift = 0.2, shear = 0.2, zoom = 0.2, horizontal_flip = true, fill = "nearest" }',
  ])
  assert.deepEqual(augmentation({ ...nothing(), fill: 'wrap', zoom: null }), {})
  assert.match(recipeLines(nothing()), /augmentation = \{\}/)
})

test('the value to fill with is asked for where something is filled with it', () => {
  assert.equal(augmentation({ ...usual(), fill_value: 9 }).fill_value, undefined)
  assert.equal(augmentation({ ...usual(), fill: 'constant', fill_value: 9 }).fill_value, 9)
  assert.equal(augmentation({ ...nothing(), cut_out: 0.3, fill_value: 9 }).fill_value, 9)
})

test('a refusal is about a setting of the form', () => {
  assert.equal(aboutSetting('augmentation.rotation'), 'rotation')
  assert.equal(aboutSetting('label'), undefined)
  assert.equal(aboutSetting(null), undefined)
})

test('the settings are those of the recipe', () => {
  const crates = new URL('../../crates/', import.meta.url)
  const files = readdirSync(crates, { recursive: true }).filter((name) => /\/src\/.*\.rs$/.test(name))
  const rust = files.map((name) => readFileSync(new URL(name, crates), 'utf8')).find((text) => text.includes('pub struct Augmentation {'))
  for (const name of [...NUMBERS.map((one) => one.name), ...FLIPS]) assert.match(rust, new RegExp(`pub ${name}: `), name)
  for (const { name, most } of NUMBERS) assert.match(rust, new RegExp(`\\("${name}", self\\.${name}, ${most}(\\.0)?\\)`), name)
  for (const fill of FILLS) assert.match(rust, new RegExp(`^    ${fill[0].toUpperCase()}${fill.slice(1)},$`, 'm'), fill)
})
