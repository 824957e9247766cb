// Models in the browser: what the pages show is what the API says; deploying, rolling back, aliases, comparing, deleting.
import assert from 'node:assert/strict'
import { settled } from './browser.mjs'
import { demo, errand, TREES, world } from './world.mjs'

const shared = world(async (server) => {
  await demo(server)
  await server.train('credit-trees', TREES.replace('num_leaves = 7', 'num_leaves = 4'))
})

const figure = (value) => value.toLocaleString('en', { minimumFractionDigits: 4, maximumFractionDigits: 4 })
const version = (server, name) => server.api('GET', `/models/${name.replace(':', '/versions/')}`)
const numberIn = async (locator) => Number((await locator.innerText()).replaceAll(',', ''))

errand('every metric of a version is the one that the API gave', shared, async ({ page, server }) => {
  await page.goto('/models/credit-scorecard/1')
  await settled(page)
  const { evaluation } = await version(server, 'credit-scorecard:1')
  assert.equal(await page.locator('[data-headline=test]').innerText(), figure(evaluation.metrics.roc_auc.value))
  assert.equal(await page.locator('[data-headline=validation]').innerText(), figure(evaluation.validation.metrics.roc_auc.value))
  const shown = await page.locator('[data-metric]').evaluateAll((cells) => cells.map((cell) => [cell.dataset.metric, cell.textContent]))
  const told = Object.entries(evaluation.metrics).map(([name, metric]) => [name, figure(metric.value)])
  assert.deepEqual(Object.fromEntries(shown), Object.fromEntries(told))
  const interval = `${figure(evaluation.metrics.roc_auc.low)} – ${figure(evaluation.metrics.roc_auc.high)}`
  await page.getByRole('row', { name: /^ROC AUC/ }).getByText(interval).waitFor()
})

errand('the confusion matrix is the API’s at the served threshold and counts on at others', shared, async ({ page, server }) => {
  await page.goto('/models/credit-scorecard/1')
  await settled(page)
  const { evaluation } = await version(server, 'credit-scorecard:1')
  const { confusion, curves } = evaluation
  const kinds = ['true_positive', 'false_positive', 'true_negative', 'false_negative']
  const shown = async () => {
    const counts = {}
    for (const kind of kinds) counts[kind] = await numberIn(page.locator(`[data-count=${kind}]`))
    return counts
  }
  const { threshold, ...served } = confusion
  assert.deepEqual(await shown(), served)
  assert.equal(await page.getByLabel('Threshold as a number').inputValue(), threshold.toFixed(4))

  // Five stops up: what the points of the ROC curve say there.
  const positives = served.true_positive + served.false_negative
  const negatives = served.false_positive + served.true_negative
  const counted = (point) => {
    const [hits, alarms] = [Math.round(point.true_positive_rate * positives), Math.round(point.false_positive_rate * negatives)]
    return { true_positive: hits, false_positive: alarms, true_negative: negatives - alarms, false_negative: positives - hits }
  }
  const stops = curves.roc.filter((point) => typeof point.threshold === 'number').sort((a, b) => a.threshold - b.threshold)
  const fifth = stops.filter((point) => point.threshold > threshold)[4]
  await page.getByRole('slider', { name: 'Threshold', exact: true }).focus()
  for (let press = 0; press < 5; press++) await page.keyboard.press('ArrowRight')
  assert.deepEqual(await shown(), counted(fifth))
  const recall = counted(fifth).true_positive / positives
  assert.equal(await page.locator('[data-rate=recall]').innerText(), recall.toLocaleString('en', { style: 'percent', maximumFractionDigits: 1 }))

  // The cheapest threshold for costs of our own.
  await page.getByLabel('Cost of a false positive').fill('2')
  await page.getByLabel('Cost of a false negative').fill('7')
  const price = (counts) => 2 * counts.false_positive + 7 * counts.false_negative
  const least = Math.min(...stops.map((point) => price(counted(point))))
  await page.getByRole('button', { name: /^Cheapest/ }).click()
  assert.equal(await numberIn(page.locator('[data-rate=cost]')), least)
  assert.equal(price(await shown()), least)
})

errand('curves are read off with the keys and with the pointer', shared, async ({ page, server }) => {
  await page.goto('/models/credit-scorecard/1')
  await settled(page)
  const { roc } = (await version(server, 'credit-scorecard:1')).evaluation.curves
  const plot = page.getByRole('slider', { name: /^ROC curve/ })
  await plot.focus()
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('ArrowRight')
  const short = (value) => value.toLocaleString('en', { maximumSignificantDigits: 4 })
  const second = roc[1]
  const said = await plot.getAttribute('aria-valuetext')
  assert.ok(said.includes(`False positive rate ${short(second.false_positive_rate)}`), said)
  assert.ok(said.includes(`threshold ${figure(second.threshold)}`), said)
  await page.keyboard.press('Escape')
  await plot.hover()
  await page.locator('.tip').getByText('False positive rate').waitFor()
  await page.getByText('Values as a table').first().click()
  const values = page.getByRole('region', { name: 'ROC curve' }).locator('tbody tr')
  await values.nth(roc.length - 1).waitFor()
  assert.equal(await values.count(), roc.length)
})

errand('a version is deployed with a reason, and rolled back with another', shared, async ({ page, server }) => {
  await page.goto('/models/credit-trees')
  await settled(page)
  for (const [name, reason] of [['credit-trees:1', 'the first trees'], ['credit-trees:2', 'fewer leaves']]) {
    await page.getByRole('row', { name: new RegExp(`^Choose.*${name}|${name}`) }).getByRole('button', { name: 'Deploy' }).click()
    await page.getByRole('dialog').getByLabel('Reason').fill(reason)
    await page.getByRole('dialog').getByRole('button', { name: 'Deploy' }).click()
    await page.getByText(`${name} answers from now on`).last().waitFor()
    const { route } = await server.api('GET', '/models/credit-trees')
    assert.deepEqual([`credit-trees:${route.version}`, route.reason, route.action], [name, reason, 'deploy'])
  }
  await page.getByRole('button', { name: 'Roll back' }).click()
  await page.getByRole('dialog').getByLabel('Reason').fill('complaints')
  await page.getByRole('dialog').getByRole('button', { name: 'Roll back' }).click()
  await page.getByText('rolled back').waitFor()
  const { items } = await server.api('GET', '/models/credit-trees/routes')
  const told = items.sort((a, b) => a.number - b.number).map((route) => [route.version, route.action])
  assert.deepEqual(told, [[1, 'deploy'], [2, 'deploy'], [1, 'rollback']])
  const line = page.getByRole('slider', { name: /^Route history/ })
  await line.focus()
  await page.keyboard.press('End')
  const said = await line.getAttribute('aria-valuetext')
  assert.match(said, /^v1, .*complaints/)
  await page.getByRole('heading', { name: 'Route history' }).waitFor()
})

errand('a model is taken out of service with a reason, and rolled back into it', shared, async ({ page, server }) => {
  await page.goto('/models/credit-trees')
  await settled(page)
  await page.getByRole('button', { name: 'Take out of service' }).click()
  await page.getByRole('dialog').getByLabel('Reason').fill('under review')
  await page.getByRole('dialog').getByRole('button', { name: 'Take out of service' }).click()
  await page.getByText('credit-trees is out of service').waitFor()
  assert.equal((await server.api('GET', '/models/credit-trees')).route, undefined)
  const newest = async () => (await server.api('GET', '/models/credit-trees/routes')).items.toSorted((a, b) => a.number - b.number).at(-1)
  assert.deepEqual([(await newest()).action, (await newest()).reason], ['undeploy', 'under review'])
  await page.getByText('Nothing deployed').first().waitFor()
  assert.equal(await page.getByRole('button', { name: 'Take out of service' }).count(), 0)
  await page.locator('.stretch.now').waitFor({ state: 'detached' })

  await page.getByRole('button', { name: 'Roll back' }).click()
  await page.getByRole('dialog').getByText('Nothing answers now.').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Roll back' }).click()
  await page.locator('.stretch.now').waitFor()
  assert.equal((await newest()).action, 'rollback')
})

errand('an alias is set, shown at its version, and removed', shared, async ({ page, server }) => {
  await page.goto('/models/credit-trees')
  await settled(page)
  await page.getByLabel('Alias', { exact: true }).fill('champion')
  await page.getByRole('combobox', { name: 'Version' }).selectOption('2')
  await page.getByRole('button', { name: 'Set alias' }).click()
  await page.getByRole('button', { name: 'Remove alias champion' }).waitFor()
  assert.deepEqual((await server.api('GET', '/models/credit-trees')).aliases, { champion: 2 })
  await page.getByRole('button', { name: 'Remove alias champion' }).click()
  await page.getByText('No alias yet.').waitFor()
  assert.deepEqual((await server.api('GET', '/models/credit-trees')).aliases, {})
})

errand('versions stand side by side with the API’s figures', shared, async ({ page, server }) => {
  await page.goto('/models/credit-trees')
  await settled(page)
  await page.getByLabel('Choose version 1 to compare').check()
  await page.getByLabel('Choose version 2 to compare').check()
  await page.getByRole('link', { name: 'Compare 2' }).click()
  await page.getByRole('combobox', { name: 'Add a version…' }).selectOption('credit-scorecard:1')
  await page.getByRole('columnheader', { name: /credit-scorecard:1/ }).waitFor()
  await settled(page)
  const names = 'credit-trees:1,credit-trees:2,credit-scorecard:1'
  const comparison = await server.api('GET', `/compare?versions=${names}`)
  for (const { name, evaluation } of comparison.versions) {
    const shown = await page.locator(`[data-compared="${name} roc_auc"]`).innerText()
    assert.equal(shown, figure(evaluation.metrics.roc_auc.value), name)
  }
  for (const note of comparison.notes) await page.getByText(note).waitFor()
  await page.getByRole('columnheader', { name: new RegExp(`${comparison.best}.*best to choose`) }).waitFor()
  assert.equal(new URL(page.url()).searchParams.get('versions'), names)
})

errand('the points table is the scorecard’s, the gains are the trees’', shared, async ({ page, server }) => {
  await page.goto('/models/credit-scorecard/1?tab=explanation')
  await settled(page)
  const { scorecard } = (await version(server, 'credit-scorecard:1')).explanation
  const bins = scorecard.columns.reduce((sum, column) => sum + column.bins.length, 0)
  const rows = page.getByRole('region', { name: 'Points table' }).locator('tbody tr')
  assert.equal(await rows.count(), bins + scorecard.columns.length)
  const best = [...scorecard.columns].sort((a, b) => b.information_value - a.information_value)[0]
  assert.match(await rows.first().innerText(), new RegExp(`^${best.column}`))
  const points = best.bins[0].points
  assert.ok((await rows.nth(1).innerText()).includes(`${points > 0 ? '+' : ''}${points}`))

  await page.goto('/models/credit-trees/1?tab=explanation')
  await settled(page)
  const { gains } = (await version(server, 'credit-trees:1')).explanation
  const plot = page.getByRole('slider', { name: /^Split gains/ })
  await plot.focus()
  await page.keyboard.press('Home')
  assert.match(await plot.getAttribute('aria-valuetext'), new RegExp(`^${gains[0].feature}: `))
})

errand(
  'what the training said is told in Chinese',
  shared,
  async ({ page, server }) => {
    for (const name of ['credit-scorecard', 'credit-trees']) {
      await page.goto(`/models/${name}/1?tab=signature`)
      await settled(page)
      const { manifest } = await version(server, `${name}:1`)
      assert.ok(manifest.notes.length > 0 && manifest.inputs.every((input) => input.missing))
      assert.deepEqual(await page.locator('main [lang=en]').allInnerTexts(), [], 'every sentence is known')
      const shown = await page.locator('main').innerText()
      for (const sentence of [...manifest.notes, ...manifest.inputs.map((input) => input.missing)]) assert.ok(!shown.includes(sentence), sentence)
    }
  },
  { locale: 'zh-CN' },
)

errand('the lineage leads back to data, job and recipe', shared, async ({ page, server }) => {
  await page.goto('/models/credit-scorecard/1?tab=lineage')
  await settled(page)
  const { manifest, digest, files } = await version(server, 'credit-scorecard:1')
  for (const text of [digest, ...Object.values(files), manifest.lineage.dataset.sha256]) await page.getByText(text).first().waitFor()
  assert.equal(await page.locator('pre[aria-label=Recipe]').textContent(), manifest.lineage.recipe)
  await page.getByRole('link', { name: 'credit:1' }).click()
  await page.waitForURL('**/data/credit/1')
})

errand('a version that serves nothing is deleted after a question', shared, async ({ page, server }) => {
  await server.train('credit-spare', TREES)
  await page.goto('/models/credit-spare/1')
  await settled(page)
  await page.getByRole('button', { name: 'Delete version' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete version' }).click()
  await page.waitForURL('**/models/credit-spare')
  const { versions } = await server.api('GET', '/models/credit-spare')
  assert.deepEqual(versions, [])
})

errand(
  'a viewer sees everything and is offered nothing that she may not do',
  shared,
  async ({ page }) => {
    await page.goto('/models/credit-scorecard')
    await settled(page)
    for (const name of ['Deploy', 'Take out of service', 'Roll back', 'Set alias', 'Delete model']) {
      assert.equal(await page.getByRole('button', { name }).count(), 0, name)
    }
    await page.getByRole('link', { name: 'Try it' }).waitFor()
    assert.equal(await page.getByRole('link', { name: 'Train', exact: true }).count(), 0)
  },
  { role: 'viewer' },
)
