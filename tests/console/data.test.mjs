// Data sets: brought, looked at, taken along. What the pages show is what the API says.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { errand, world } from './world.mjs'
import { EXAMPLES } from './server.mjs'

const shared = world()
const number = (value) => value.toLocaleString('en')
// One column has nothing in it, one cell of another is missing, one mark is special.
const SMALL = 'city;age;note\nLiège;31;\nMaastricht;;\nLiège;n/a;\nNamur;27;\n'

const choose = (page, file) => page.locator('input[type=file]').setInputFiles(file)
const small = (text = SMALL, name = 'Städte (neu).csv') => ({ name, mimeType: 'text/csv', buffer: Buffer.from(text) })

errand('the demo’s data is one click away, and ends as the same version as the file itself', shared, async ({ page, server }) => {
  await page.getByRole('button', { name: 'Use the demo’s data' }).click()
  await page.locator('[data-phase=done]').waitFor({ timeout: 60_000 })
  const version = await server.api('GET', '/datasets/credit:1/version')
  assert.equal(version.source.file, 'germancredit.csv')
  assert.equal(version.source.bytes, readFileSync(path.join(EXAMPLES, 'germancredit.csv')).length)
  assert.match(await page.locator('[data-phase=done]').innerText(), new RegExp(`Version 1: ${number(version.rows)} rows, ${version.schema.columns.length} columns`))
  const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: 'credit', exact: true }) })
  await row.waitFor()
  assert.deepEqual((await row.getByRole('cell').allInnerTexts()).slice(0, 3), ['1', number(version.rows), '21'])
})

errand('a file is read as one says, watched until it stands, and the same again makes no version', shared, async ({ page, server }) => {
  await page.goto('/data')
  await choose(page, small())
  assert.equal(await page.getByLabel('Name of the data set').inputValue(), 'stadte-neu')
  await page.getByLabel('Name of the data set').fill('Cities')
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await page.getByText('starting and ending with a letter or digit').waitFor()
  await page.getByLabel('Name of the data set').fill('cities')
  await page.getByText('How to read it').click()
  await page.getByLabel('Delimiter').selectOption({ label: 'Semicolon ( ; )' })
  await page.getByLabel('Encoding').selectOption({ label: 'UTF-8' })
  await page.getByLabel('Missing marks').fill('n/a, ?')
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await page.locator('[data-phase=done]').waitFor({ timeout: 30_000 })
  const { source } = await server.api('GET', '/datasets/cities:1/version')
  assert.deepEqual(source.options, { delimiter: ';', encoding: 'utf-8', missing: ['?', 'n/a'] })
  await page.getByRole('link', { name: 'Look at it' }).click()
  await page.getByRole('heading', { level: 1, name: 'cities:1' }).waitFor()

  await page.goto('/data/cities')
  await choose(page, small())
  await page.getByText('How to read it').click()
  await page.getByLabel('Delimiter').selectOption({ label: 'Semicolon ( ; )' })
  await page.getByLabel('Encoding').selectOption({ label: 'UTF-8' })
  await page.getByLabel('Missing marks').fill('n/a, ?')
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await page.locator('[data-phase=unchanged]').waitFor()
  await choose(page, small(`${SMALL}Dinant;44;\n`))
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await page.getByRole('link', { name: 'cities:2' }).waitFor({ timeout: 30_000 })
  const { items } = await server.api('GET', '/datasets/cities/versions')
  assert.deepEqual(items.map((version) => [version.version, version.rows]), [[2, 5], [1, 4]])
})

errand('the profile and the preview say what the API says', shared, async ({ page, server }) => {
  await page.goto('/data/cities/1')
  const profile = await server.api('GET', '/datasets/cities:1/profile')
  await page.getByRole('article').nth(profile.columns.length - 1).waitFor()
  for (const column of profile.columns) {
    const card = page.getByRole('article').filter({ has: page.getByRole('heading', { name: column.name, exact: true }) })
    const facts = await card.locator('dl > div').allInnerTexts()
    const told = Object.fromEntries(facts.map((fact) => fact.split('\n')))
    assert.equal(told.Missing.split(/\s/)[0], number(column.missing), column.name)
    assert.equal(told.Distinct, number(column.distinct), column.name)
    if (column.numeric) assert.equal(told.Mean, number(column.numeric.mean), column.name)
    if (column.frequent.length === 0) continue
    const bars = await card.locator('svg').first().textContent()
    for (const { value } of column.frequent.slice(0, 3)) assert.ok(bars.includes(value), `${column.name} shows ${value}`)
  }
  await page.getByRole('tab', { name: 'Preview' }).click()
  await page.getByRole('columnheader').first().waitFor()
  const preview = await server.api('GET', '/datasets/cities:1/preview')
  assert.deepEqual(await page.getByRole('columnheader').allInnerTexts(), preview.columns)
  const shown = await page.locator('tbody tr').evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.innerText)))
  assert.deepEqual(shown, preview.rows.map((row) => row.map((cell) => (cell === null ? 'missing' : String(cell)))))
})

errand('a version is taken along as the API gives it', shared, async ({ page, server }) => {
  await page.goto('/data/cities/1')
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()])
  assert.equal(download.suggestedFilename(), 'cities-1.csv')
  assert.equal(readFileSync(await download.path(), 'utf8'), await server.api('GET', '/datasets/cities:1/export?format=csv'))
})

errand(
  'a file that cannot be read says why and what to do, and nothing is made',
  shared,
  async ({ page, server }) => {
    await page.goto('/data')
    await choose(page, small('not a parquet file', 'broken.parquet'))
    await page.getByText('How to read it').click()
    await page.getByLabel('Format').selectOption('parquet')
    await page.getByRole('button', { name: 'Import', exact: true }).click()
    await page.locator('[data-phase=failed]').waitFor({ timeout: 30_000 })
    const { items } = await server.api('GET', '/jobs')
    const failed = items.find((job) => job.subject === 'broken')
    const told = failed ? failed.failure.message : 'Parquet'
    assert.ok((await page.locator('[data-phase=failed]').innerText()).includes(told))
  },
  { warnings: [/job/], expected: ['400 POST /api/v1/datasets/broken/versions'] },
)

errand('what is not there is told as such', shared, async ({ page }) => {
  await page.goto('/data/nothing')
  await page.getByRole('alert').getByText('Not found').waitFor()
  await page.getByRole('button', { name: 'Try again' }).waitFor()
}, { expected: ['404 GET /api/v1/datasets/nothing/versions'] })
