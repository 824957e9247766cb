// A detection in the browser: the boxes that the API gives are drawn on the picture and listed beside it, and the page of the
// version has the figures of every class.
import assert from 'node:assert/strict'
import { settled } from './browser.mjs'
import { FINDER, scene, THINGS, things } from './boxes.mjs'
import { png } from './pictures.mjs'
import { errand, world } from './world.mjs'

const shared = world(async (server) => {
  await server.import('things', 'things.zip', things())
  await server.train('finder', FINDER)
  await server.api('POST', '/models/finder/deploy', { body: { version: 1, reason: 'first detector' } })
})

const figure = (value) => (typeof value === 'number' ? value.toLocaleString('en', { minimumFractionDigits: 4, maximumFractionDigits: 4 }) : '—')

errand('the boxes of the API are drawn on the picture and listed', shared, async ({ page, server }) => {
  const { file, boxes } = scene(300)
  const { predictions } = await server.api('POST', '/models/finder/predict', { body: { rows: [{ image: file.toString('base64') }] } })
  const found = predictions[0].boxes
  assert.equal(found.length, boxes.length, JSON.stringify(found))
  await page.goto('/models/finder/try')
  await settled(page)
  await page.getByLabel(/^image/).setInputFiles({ name: 'scene.png', mimeType: 'image/png', buffer: file })
  await page.locator('[data-picture=name]').getByText('scene.png').waitFor()
  await page.getByRole('button', { name: 'Predict' }).click()
  await page.locator('[data-answer=boxes] svg').waitFor()
  const listed = await page.locator('tr[data-found]').evaluateAll((rows) =>
    rows.map(({ dataset }) => ({ label: dataset.found, score: Number(dataset.score), box: dataset.box.split(' ').map(Number) })),
  )
  assert.deepEqual(listed, found)
  const drawn = await page.locator('[data-answer=boxes] rect.line').evaluateAll((all) => all.map((one) => ['x', 'y', 'width', 'height'].map((side) => Number(one.getAttribute(side)))))
  assert.deepEqual(drawn, found.map((one) => one.box))
  // What is drawn lies where it belongs on the picture as it is seen.
  const seen = await page.locator('[data-answer=boxes] img').boundingBox()
  const first = await page.locator('[data-answer=boxes] rect.line').first().boundingBox()
  const [left, , width] = found[0].box
  assert.ok(Math.abs(first.x - seen.x - (left / 64) * seen.width) < 4, JSON.stringify([first, seen]))
  assert.ok(Math.abs(first.width - (width / 64) * seen.width) < 4, JSON.stringify([first, seen]))
  assert.deepEqual(await page.locator('[data-drawn]').evaluateAll((all) => all.map((one) => one.dataset.drawn)), found.map((one) => one.label))
  const table = page.getByRole('group', { name: 'What was found, and where' })
  const score = `${Number((found[0].score * 100).toFixed(1))}%`
  assert.ok((await table.getByRole('row').nth(1).innerText()).includes(score), score)
})

errand('a picture in which there is nothing says so', shared, async ({ page, server }) => {
  const empty = png(64, 48, (x, y) => (x * 5 + y * 3) % 60)
  const { predictions } = await server.api('POST', '/models/finder/predict', { body: { rows: [{ image: empty.toString('base64') }] } })
  assert.deepEqual(predictions[0].boxes, [])
  await page.goto('/models/finder/try')
  await settled(page)
  await page.getByLabel(/^image/).setInputFiles({ name: 'empty.png', mimeType: 'image/png', buffer: empty })
  await page.locator('[data-picture=name]').getByText('empty.png').waitFor()
  await page.getByRole('button', { name: 'Predict' }).click()
  await page.getByText('Nothing was found.').waitFor()
})

errand('the figures of every class are those of the evaluation', shared, async ({ page, server }) => {
  const { detection, metrics } = (await server.api('GET', '/models/finder/versions/1')).evaluation
  await page.goto('/models/finder/1')
  await settled(page)
  assert.equal(await page.locator('[data-headline=test]').innerText(), figure(metrics.map_50_95.value))
  for (const [name, metric] of Object.entries(metrics)) assert.equal(await page.locator(`[data-metric=${name}]`).innerText(), figure(metric.value), name)
  assert.deepEqual(detection.figures.map((one) => one.label), THINGS)
  for (const one of detection.figures) {
    const row = page.locator(`tr[data-class="${one.label}"]`)
    for (const name of ['ap_50_95', 'ap_50', 'precision', 'recall']) assert.equal(await row.locator(`[data-figure=${name}]`).innerText(), figure(one[name]), `${one.label} ${name}`)
  }
  assert.equal(await page.locator('td[data-count]').count(), 0, 'boxes have no confusion matrix')
})
