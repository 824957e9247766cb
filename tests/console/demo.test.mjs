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
    await page.waitForURL('**/data')
    await page.getByRole('link', { name: 'credit', exact: true }).waitFor({ timeout: 60_000 })
    await page.getByRole('link', { name: 'Train', exact: true }).click()

    // Train a scorecard.
    await page.getByRole('combobox', { name: 'Algorithm' }).first().selectOption('scorecard')
    await page.locator('[data-path="algorithm.base_score"]').waitFor()
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
    await page.getByRole('dialog').getByLabel('Reason').waitFor()
    await page.keyboard.type('first model')
    await page.getByRole('dialog').getByRole('button', { name: 'Deploy' }).click()
    await page.getByText(`${model}:1 answers from now on`).waitFor()
    const { route } = await server.api('GET', `/models/${model}`)
    assert.deepEqual([route.version, route.reason], [1, 'first model'])

    // Try it.
    await page.getByRole('link', { name: 'Try it' }).click()
    await page.getByRole('button', { name: 'Predict' }).click()
    await page.locator('[data-class]').nth(1).waitFor()
    await page.getByText(`answered by ${model}:1`).waitFor()

    // What happened is written down, and whole.
    await page.getByRole('link', { name: 'Audit' }).click()
    await page.getByText('model.deploy').first().waitFor()
    const { items } = await server.api('GET', '/audit?order=desc')
    assert.ok(items.some((entry) => entry.action === 'model.deploy' && entry.subject === `${model}:1`))
    await page.getByRole('button', { name: 'Verify the trail' }).click()
    await page.getByText('The trail is whole').waitFor()
  },
  { role: null },
)
