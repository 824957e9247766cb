// Trying a model: the form is the signature, the answer is the API's, and the shown code does what it says.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { settled } from './browser.mjs'
import { demo, errand, world } from './world.mjs'

const shared = world(demo)
const run = promisify(execFile)

/** The row that the form starts with: the first one of the data that the version learnt from. */
async function firstRow(server) {
  const { manifest } = await server.api('GET', '/models/credit-scorecard/versions/1')
  const preview = await server.api('GET', '/datasets/credit:1/preview')
  return Object.fromEntries(manifest.inputs.map(({ name }) => [name, preview.rows[0][preview.columns.indexOf(name)]]))
}

async function predicted(server, row) {
  const { predictions } = await server.api('POST', '/models/credit-scorecard/predict', { body: { rows: [row] } })
  return predictions[0]
}

/** The probability that is shown for a class; the positive one's is the API's to the bit. */
const shownFor = async (page, label) => Number(await page.locator(`[data-class="${label}"]`).getAttribute('data-exact'))

errand('the form is filled with a real row, and its answer is the API’s', shared, async ({ page, server }) => {
  await page.goto('/models/credit-scorecard/try')
  await settled(page)
  const row = await firstRow(server)
  for (const [name, value] of Object.entries(row)) assert.equal(await page.getByLabel(name).inputValue(), String(value), name)
  await page.getByRole('button', { name: 'Predict' }).click()
  const answer = await predicted(server, row)
  await page.locator('[data-answer=label]').waitFor()
  assert.equal(await page.locator('[data-answer=label]').innerText(), answer.label)
  assert.equal(await shownFor(page, 'bad'), answer.probability)
  assert.equal(await page.locator('[data-answer=points]').innerText(), String(answer.points))
  await page.getByText('answered by credit-scorecard:1').waitFor()

  await page.getByRole('button', { name: 'Another row' }).click()
  await page.getByText('Row 2 of credit:1.').waitFor()
})

errand('both classes are shown, the likeliest first, and the one that the threshold decides for stands out', shared, async ({ page, server }) => {
  const { manifest } = await server.api('GET', '/models/credit-scorecard/versions/1')
  const row = await firstRow(server)
  const { probability } = await predicted(server, row)
  // The same answer under a threshold on either side of its probability: the decision need not be for the likeliest.
  for (const threshold of [probability / 2, (1 + probability) / 2]) {
    await page.route('**/models/credit-scorecard/versions/1', async (route) => {
      const response = await route.fetch()
      const version = await response.json()
      version.manifest.threshold = threshold
      await route.fulfill({ response, json: version })
    })
    await page.route('**/models/credit-scorecard/predict', async (route) => {
      const response = await route.fetch()
      const answer = await response.json()
      answer.predictions[0].label = manifest.labels[Number(answer.predictions[0].probability >= threshold)]
      await route.fulfill({ response, json: answer })
    })
    await page.goto('/models/credit-scorecard/try')
    await settled(page)
    await page.getByRole('button', { name: 'Predict' }).click()
    const decided = manifest.labels[Number(probability >= threshold)]
    await page.locator('[data-answer=label]').waitFor()
    const shown = await page.locator('[data-class]').evaluateAll((all) => all.map((one) => ({ label: one.dataset.class, probability: Number(one.dataset.exact), stands: getComputedStyle(one).fontWeight === '600' })))
    const [negative, positive] = manifest.labels
    const both = [{ label: positive, probability }, { label: negative, probability: 1 - probability }].toSorted((a, b) => b.probability - a.probability)
    assert.deepEqual(shown, both.map((one) => ({ ...one, stands: one.label === decided })))
    await page.getByText(`At ${threshold.toLocaleString('en', { maximumSignificantDigits: 3 })}`, { exact: false }).waitFor()
    await page.unrouteAll()
  }
})

errand('a missing and an unknown value are answered with what was done about them', shared, async ({ page, server }) => {
  await page.goto('/models/credit-scorecard/try')
  await settled(page)
  await page.getByLabel('purpose').selectOption({ label: 'Another text…' })
  await page.getByLabel('purpose').fill('a boat')
  await page.getByLabel('credit_history').selectOption({ label: '(missing)' })
  await page.getByRole('button', { name: 'Predict' }).click()
  const row = { ...(await firstRow(server)), purpose: 'a boat', credit_history: null }
  const answer = await predicted(server, row)
  await page.locator('[data-answer=label]').waitFor()
  assert.equal(await shownFor(page, 'bad'), answer.probability)
  assert.ok(answer.notes.length >= 2)
  for (const note of answer.notes) await page.getByText(note.message).first().waitFor()
})

errand(
  'a value that is no number is told at its field',
  shared,
  async ({ page }) => {
    await page.goto('/models/credit-scorecard/try')
    await settled(page)
    await page.getByLabel('age_in_years').fill('old')
    await page.getByRole('button', { name: 'Predict' }).click()
    await page.locator('[aria-invalid=true]').waitFor()
    assert.equal(await page.getByLabel('age_in_years').getAttribute('aria-invalid'), 'true')
  },
  { expected: ['400 POST /api/v1/models/credit-scorecard/predict'] },
)

errand('the curl command, the Python program and the JavaScript run as they are shown', shared, async ({ page, server }) => {
  await page.goto('/models/credit-scorecard/try')
  await settled(page)
  const answer = await predicted(server, await firstRow(server))
  const shown = async (language) => {
    await page.getByRole('radio', { name: language }).check()
    return page.locator('pre[aria-label="The same call as code"]').innerText()
  }
  const env = { ...process.env, MEUSE_API_KEY: server.key }

  const command = (await shown('curl')).replace('YOUR_KEY', server.key)
  const { stdout: fromCurl } = await run('bash', ['-c', command])
  assert.deepEqual(JSON.parse(fromCurl).predictions, [answer])

  const { stdout: fromPython } = await run('python3', ['-c', await shown('Python')], { env })
  assert.ok(fromPython.includes(`'label': '${answer.label}'`) && fromPython.includes(String(answer.probability)), fromPython)

  const { stdout: fromNode } = await run(process.execPath, ['--input-type=module', '-e', await shown('JavaScript')], { env })
  assert.ok(fromNode.includes('predictions') && fromNode.includes("model: 'credit-scorecard'"), fromNode)
})

errand('a model without a route can be asked by version', shared, async ({ page, server }) => {
  await page.goto('/models/credit-trees/try')
  await settled(page)
  await page.getByRole('heading', { name: 'Nothing deployed' }).waitFor()
  await page.getByRole('combobox', { name: 'Which version answers' }).selectOption('1')
  await settled(page)
  await page.getByRole('button', { name: 'Predict' }).click()
  await page.getByText('answered by credit-trees:1').waitFor()
  assert.equal((await server.api('GET', '/models/credit-trees')).route, undefined)
})
