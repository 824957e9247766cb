// What the page of pictures works out by itself: what it asks for, and the lines of the recipe.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  aboutSetting,
  augmentation,
  BACKGROUNDS,
  COLOURS,
  FILLS,
  firstLook,
  FLIPS,
  imageRule,
  MODES,
  MOST_SIDE,
  nothing,
  NUMBERS,
  recipeLines,
  SIDES,
  usual,
} from '../src/pages/data/augment.ts'

const DIGITS = { sizes: [{ value: '28 × 28', count: 70 }], channels: [{ value: '1', count: 70 }] }
const PHOTOGRAPHS = { sizes: [{ value: '640 × 480', count: 9 }, { value: '8 × 8', count: 1 }], channels: [{ value: '3', count: 10 }] }

test('the usual augmentation is one line of a recipe, and nothing is an empty table', () => {
  assert.deepEqual(augmentation(usual()), {
    rotation: 40, width_shift: 0.2, height_shift: 0.2, shear: 0.2, zoom: 0.2, horizontal_flip: true, fill: 'nearest',
  })
  assert.deepEqual(recipeLines(firstLook(DIGITS), usual()).trim().split('\n'), [
    '[preprocessing.columns.image]',
    'image = { width = 28, height = 28, colour = "grey" }',
    'augmentation = { rotation = 40, width_shift = 0.2, height_shift = 0.2, shear = 0.2, zoom = 0.2, horizontal_flip = true, fill = "nearest" }',
  ])
  assert.deepEqual(augmentation({ ...nothing(), fill: 'wrap', zoom: null }), {})
  assert.match(recipeLines(firstLook(DIGITS), nothing()), /augmentation = \{\}/)
})

test('the first look at pictures is that of a first recipe', () => {
  assert.deepEqual(imageRule(firstLook(DIGITS)), { width: 28, height: 28, colour: 'grey' })
  assert.deepEqual(imageRule(firstLook(PHOTOGRAPHS)), { width: 96, height: 96, colour: 'rgb', mode: 'crop_to_aspect_ratio' })
  assert.equal(firstLook({ ...DIGITS, sizes: [{ value: '40 × 5', count: 1 }] }).width, 8)
  assert.equal(firstLook({ sizes: [], channels: [], boxes: 0 }).height, 96)
  assert.deepEqual(imageRule(firstLook({ ...PHOTOGRAPHS, boxes: 3 })), { width: 160, height: 160, colour: 'rgb' })
})

test('an empty side is asked for as 0, which the server refuses', () => {
  assert.equal(imageRule({ ...firstLook(DIGITS), width: null }).width, 0)
})

test('the value to fill with is asked for where something is filled with it', () => {
  assert.equal(augmentation({ ...usual(), fill_value: 9 }).fill_value, undefined)
  assert.equal(augmentation({ ...usual(), fill: 'constant', fill_value: 9 }).fill_value, 9)
  assert.equal(augmentation({ ...nothing(), cut_out: 0.3, fill_value: 9 }).fill_value, 9)
})

test('a refusal is about a setting of the form', () => {
  assert.equal(aboutSetting('augmentation.rotation'), 'rotation')
  assert.equal(aboutSetting('image.width'), 'width')
  assert.equal(aboutSetting('label'), undefined)
  assert.equal(aboutSetting(null), undefined)
})

const CRATES = new URL('../../crates/', import.meta.url)
const RUST = readdirSync(CRATES, { recursive: true })
  .filter((name) => /\/src\/.*\.rs$/.test(name))
  .map((name) => readFileSync(new URL(name, CRATES), 'utf8'))
const holding = (text) => RUST.find((one) => one.includes(text))

/** The body of a definition, as in `struct Augmentation`. */
const bodyOf = (what) => new RegExp(`pub ${what} \\{\n([^]*?)\n\\}`).exec(holding(`pub ${what} {`))[1]
const fieldsOf = (struct) => [...bodyOf(`struct ${struct}`).matchAll(/^    pub (\w+): /gm)].map(([, name]) => name)
const variantsOf = (name) => [...bodyOf(`enum ${name}`).matchAll(/^    (\w+),$/gm)].map(([, variant]) => variant.replace(/(?<=.)[A-Z]/g, '_$&').toLowerCase())

test('every field of a recipe’s augmentation has its control', () => {
  const controls = [...NUMBERS.map((one) => one.name), ...FLIPS, 'fill', 'fill_value']
  assert.deepEqual(controls.toSorted(), fieldsOf('Augmentation').toSorted())
  assert.deepEqual(FILLS.toSorted(), variantsOf('PictureFill').toSorted())
  const rust = holding('pub struct Augmentation {')
  for (const { name, most } of NUMBERS) assert.match(rust, new RegExp(`\\("${name}", (f64::from\\()?self\\.${name}\\)?, ${most}(\\.0)?\\)`), name)
})

test('every field of a recipe’s rule for pictures has its control, but those that few need', () => {
  const without = ['resize_shorter_side', 'filter', 'rescale', 'offset', 'mean', 'deviation']
  const controls = [...SIDES, 'colour', 'mode', 'background']
  assert.deepEqual([...controls, ...without].toSorted(), fieldsOf('ImageRule').toSorted())
  assert.deepEqual(COLOURS.toSorted(), variantsOf('Colour').toSorted())
  assert.deepEqual(MODES.toSorted(), variantsOf('Mode').toSorted())
  assert.deepEqual(BACKGROUNDS.toSorted(), variantsOf('Background').toSorted())
  assert.match(holding('const LONGEST_SIDE'), new RegExp(`LONGEST_SIDE: u32 = ${MOST_SIDE};`))
})
