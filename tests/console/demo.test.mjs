// The whole demo by mouse and keyboard, from the sign-in to the audit trail; nothing but the first address is typed.
import assert from 'node:assert/strict'
import { errand, world } from './world.mjs'

const shared = world()

errand(
  'from nothing to an answered call, and the record of it',
  shared,
  async ({ page, server }) => {
    await page.goto('/')
    await page.locator('input[type=password]').fill(server.key)
    await page.keyboard.press('Enter')

    // Bring data: the demo's own.
    await page.getByRole('button', { name: 'Use the demo’s data' }).click()
    await page.waitForURL(/\/(data|jobs)/)
    await page.getByRole('link', { name: 'Train', exact: true }).click()
    await waitForData(page, server)

    // Train a scorecard.
    await page.getByRole('combobox', { name: 'Algorithm' }).first().selectOption('scorecard')
    await page.getByText('Ready: the recipe fits the data.').waitFor()
    await page.locator('[data-path=drop]').selectOption('personal_status_and_sex')
    await page.getByText('Ready: the recipe fits the data.').waitFor()
    const model = await page.getByLabel('Model name').inputValue()
    await page.getByLabel('Model name').focus()
    await page.keyboard.press('Enter')

    // Watch it.
    await page.waitForURL('**/jobs/*')
    await page.getByRole('heading', { name: `Training: ${model}` }).waitFor()
    await page.getByRole('link', { name: `Open ${model}:1` }).click({ timeout: 60_000 })

    // Evaluate: the figure is the API's.
    const { evaluation } = await server.api('GET', `/models/${model}/versions/1`)
    const auc = evaluation.metrics.roc_auc.value.toLocaleString('en', { minimumFractionDigits: 4, maximumFractionDigits: 4 })
    await page.locator('[data-headline=test]').getByText(auc).waitFor()
    await page.getByRole('tab', { name: 'Explanation' }).click()
    await page.getByRole('heading', { name: 'Points table' }).waitFor()

    // Deploy it.
    await page.getByRole('button', { name: 'Deploy' }).click()
    await page.keyboard.type('first model')
    await page.getByRole('dialog').getByLabel('Reason').fill('first model')
    await page.getByRole('dialog').getByRole('button', { name: 'Deploy' }).click()
    await page.getByText(`${model}:1 answers from now on`).waitFor()
    assert.equal((await server.api('GET', `/models/${model}`)).route.version, 1)

    // Try it.
    await page.getByRole('link', { name: 'Try it' }).click()
    await page.getByRole('button', { name: 'Predict' }).click()
    await page.locator('[data-answer=probability]').waitFor()
    await page.getByText(`answered by ${model}:1`).waitFor()

    // What happened is written down, and whole.
    await page.getByRole('link', { name: 'Audit' }).click()
    await page.getByText('model.deploy').first().waitFor()
    const { items } = await server.api('GET', '/audit?order=desc')
    assert.ok(items.some((entry) => entry.action === 'model.deploy' && entry.subject === `${model}:1`))
    await page.getByRole('button', { name: /verify/i }).first().click()
    await page.getByText(/intact|whole|unbroken/i).first().waitFor()
  },
  { role: null },
)

/** The page of trainings offers the data set once it is imported. */
async function waitForData(page, server) {
  const { items } = await server.api('GET', '/jobs')
  for (const job of items) await server.ended(job)
  await page.getByRole('link', { name: 'Home' }).click()
  await page.getByRole('link', { name: 'Train', exact: true }).click()
}
