// Training in the browser: the recipe as form and text, both ways; the job's page live, cancelled, failed.
import assert from 'node:assert/strict'
import { settled } from './browser.mjs'
import { errand, TREES, world } from './world.mjs'

const shared = world((server) => server.import('credit', 'germancredit.csv'))

async function open(page) {
  await page.goto('/train?dataset=credit')
  await page.getByText('Ready: the recipe fits the data.').waitFor()
  await settled(page)
}

const text = (page) => page.getByRole('textbox', { name: 'Recipe as text' })
/** The control of a field of the form, by its path in the recipe. */
const control = (page, path) => page.locator(`[data-path="${path}"]`)

errand('sensible choices are filled in from the data', shared, async ({ page, server }) => {
  await open(page)
  const recipe = await server.api('POST', '/recipes/init', { body: { dataset: 'credit', target: 'creditability' } })
  assert.equal(await text(page).inputValue(), recipe)
  assert.equal(await control(page, 'positive').inputValue(), 'bad')
  assert.equal(await control(page, 'algorithm.name').inputValue(), 'lightgbm')
  assert.equal(await page.getByLabel('Model name').inputValue(), 'credit-trees')
})

errand('what is changed in the form is written into the text, and comments stay', shared, async ({ page }) => {
  await open(page)
  await page.getByRole('combobox', { name: 'Algorithm' }).first().selectOption('scorecard')
  await page.getByText('Ready: the recipe fits the data.').waitFor()
  await control(page, 'algorithm.base_score').waitFor()
  const before = await text(page).inputValue()
  await control(page, 'algorithm.base_score').fill('650')
  await page.waitForFunction(() => /base_score = 650/.test(document.querySelector('textarea[aria-label="Recipe as text"]').value))
  const after = await text(page).inputValue()
  assert.deepEqual(after.match(/#.*$/gm), before.match(/#.*$/gm))
  await control(page, 'drop').selectOption('personal_status_and_sex')
  await page.waitForFunction(() => /drop = \[.*personal_status_and_sex/.test(document.querySelector('textarea[aria-label="Recipe as text"]').value))
})

errand('another algorithm changes the fields', shared, async ({ page }) => {
  await open(page)
  await control(page, 'algorithm.capacity').waitFor()
  await control(page, 'algorithm.name').selectOption('logistic_regression')
  await control(page, 'algorithm.l1').waitFor()
  assert.equal(await control(page, 'algorithm.capacity').count(), 0)
  await page.waitForFunction(() => /name = "logistic_regression"/.test(document.querySelector('textarea[aria-label="Recipe as text"]').value))
})

errand('single columns get rules of their own: bins by breaks, groups of texts, and out again', shared, async ({ page, server }) => {
  await open(page)
  await control(page, 'algorithm.name').selectOption('scorecard')
  await control(page, 'algorithm.base_score').waitFor()
  await page.getByRole('heading', { name: 'Preprocessing: Columns' }).click()
  const add = page.getByRole('combobox', { name: 'Add a column…' })
  const written = (pattern) => page.waitForFunction((source) => new RegExp(source).test(document.querySelector('textarea[aria-label="Recipe as text"]').value), pattern.source)
  assert.equal(await add.locator('option[value=creditability]').count(), 0, 'the target has no rule')

  // A number: its breaks, a slip in them, and what is for texts only is not offered.
  await add.selectOption('age_in_years')
  const breaks = control(page, 'preprocessing.columns.age_in_years.breaks')
  await breaks.fill('35, 26')
  await breaks.blur()
  await page.getByText('the breaks do not ascend').first().waitFor()
  assert.equal(await breaks.getAttribute('aria-invalid'), 'true')
  await breaks.fill('26; x')
  await breaks.blur()
  await page.getByText('Write numbers separated by commas').waitFor()
  await breaks.fill('26, 35')
  await breaks.blur()
  await written(/breaks = \[26(\.0)?, 35(\.0)?\]/)
  assert.equal(await control(page, 'preprocessing.columns.age_in_years.groups').count(), 0)

  // Texts: two groups from the column's own categories, each offered once.
  await add.selectOption('housing')
  const { columns } = (await server.api('GET', '/datasets/credit:1/version')).schema
  const [first, second, third] = columns.find((column) => column.name === 'housing').categories
  const group = (number) => page.getByRole('combobox', { name: number ? `Groups, group ${number}` : 'Groups' })
  await control(page, 'preprocessing.columns.housing.groups').selectOption(first)
  await group(1).selectOption(second)
  await control(page, 'preprocessing.columns.housing.groups').selectOption(third)
  const text_ = (value) => value.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  await written(new RegExp(`groups = \\[\\s*\\["${text_(first)}", "${text_(second)}"\\],\\s*\\["${text_(third)}"\\]\\s*,?\\s*\\]`))
  assert.equal(await control(page, 'preprocessing.columns.housing.groups').count(), 0, 'no category is left for another group')

  // A setting that is taken back leaves the column where it is; removing the column takes it out of the recipe.
  await control(page, 'preprocessing.columns.age_in_years.encode').selectOption('woe')
  await written(/encode = "woe"/)
  await page.getByText('Ready: the recipe fits the data.').waitFor()
  const job = await server.train('grouped', await text(page).inputValue())
  const { explanation } = await server.api('GET', `/models/grouped/versions/${job.result.split(':')[1]}`)
  const bins = (name) => explanation.scorecard.columns.find((column) => column.column === name)?.bins.length
  assert.equal(bins('age_in_years'), 3)
  await page.getByRole('button', { name: 'Remove', exact: true }).first().click()
  await page.waitForFunction(() => !/age_in_years/.test(document.querySelector('textarea[aria-label="Recipe as text"]').value))
})

errand('what is changed in the text is shown in the form; a slip is told with its line and field', shared, async ({ page }) => {
  await open(page)
  const recipe = await text(page).inputValue()
  await text(page).fill(recipe.replace('seed = 42', 'seed = 7'))
  await page.waitForFunction(() => document.querySelector('[data-path=seed]')?.value === '7')

  const wrong = recipe.replace('metric =', 'metrik =')
  await text(page).fill(wrong)
  const line = wrong.split('\n').findIndex((one) => one.startsWith('metrik')) + 1
  await page.getByRole('button', { name: `Line ${line}` }).waitFor()
  await page.getByText(/did you mean `metric`/).first().waitFor()
  assert.equal(await page.getByRole('button', { name: 'Start training' }).isDisabled(), true)

  await text(page).fill(recipe.replace('creditability', 'creditable'))
  await page.waitForFunction(() => document.querySelector('[data-path=target]')?.getAttribute('aria-invalid') === 'true')

  await text(page).fill('dataset = "credit')
  await page.getByText('The text cannot be read as it stands.').waitFor()
  await text(page).fill(recipe)
  await page.getByText('Ready: the recipe fits the data.').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Start training' }).isEnabled(), true)
})

errand('a training is started, watched and leads to its version', shared, async ({ page, server }) => {
  await open(page)
  await text(page).fill(TREES.replace('num_iterations = 30', 'num_iterations = 40\nearly_stopping_round = 10'))
  await page.getByText('Ready: the recipe fits the data.').waitFor()
  await page.getByLabel('Model name').fill('watched')
  await page.getByRole('button', { name: 'Start training' }).click()
  await page.waitForURL('**/jobs/*')
  await page.getByRole('link', { name: 'Open watched:1' }).waitFor({ timeout: 60_000 })
  const id = new URL(page.url()).pathname.split('/').at(-1)
  const events = await server.api('GET', `/jobs/${id}/events`)
  const lines = events.trim().split('\n').map((line) => JSON.parse(line).event).filter(Boolean)
  const stages = [...new Set(lines.filter((event) => event.type === 'progress').map((event) => event.stage))]
  await page.locator('ol > li .mark').nth(stages.length - 1).waitFor()
  assert.equal(await page.locator('ol > li .mark').count(), stages.length)
  const figures = lines.filter((event) => event.type === 'metric')
  assert.ok(figures.length > 0, 'the trees tell their validation loss')
  await page.getByText('Values as a table').click()
  const values = page.getByRole('region', { name: /by step$/ }).locator('tbody tr')
  await values.nth(figures.length - 1).waitFor()
  assert.equal(await values.count(), figures.length)
  for (const event of lines.filter((event) => event.type === 'log')) await page.getByRole('log').getByText(event.message).waitFor()

  // The page of a job that has ended tells the same.
  await page.reload()
  await page.getByRole('link', { name: 'Open watched:1' }).waitFor()
  await page.locator('ol > li .mark').nth(stages.length - 1).waitFor()
  await page.getByRole('link', { name: 'Open watched:1' }).click()
  await page.waitForURL('**/models/watched/1')
})

errand('a running job is cancelled after a question', shared, async ({ page, server }) => {
  const endless = TREES.replace('num_iterations = 30', 'num_iterations = 100000\nlearning_rate = 0.0001\nearly_stopping_round = 0')
  const job = await server.api('POST', '/jobs/train', { body: { model: 'endless', recipe: endless } })
  await page.goto(`/jobs/${job.id}`)
  await page.getByText('Boost').first().waitFor()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the job' }).click()
  await page.getByText('Cancelled', { exact: true }).waitFor({ timeout: 30_000 })
  assert.equal((await server.api('GET', `/jobs/${job.id}`)).state, 'cancelled')
})

errand('a job that failed says why and what to do', shared, async ({ page, server }) => {
  const recipe = TREES.replace(/\[algorithm\][^]*/, '[algorithm]\nname = "scorecard"\nmin_information_value = 1000\n')
  const job = await server.api('POST', '/jobs/train', { body: { model: 'hopeless', recipe } })
  await page.goto(`/jobs/${job.id}`)
  await page.getByRole('heading', { name: 'The job failed' }).waitFor({ timeout: 30_000 })
  const { failure, state } = await server.api('GET', `/jobs/${job.id}`)
  assert.equal(state, 'failed')
  await page.getByText(failure.message).first().waitFor()
  if (failure.hint) await page.getByText(failure.hint).first().waitFor()
  await page.goto('/jobs?show=failed')
  await page.getByRole('link', { name: /hopeless/ }).waitFor()
})
