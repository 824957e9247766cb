// Long texts in the browser: their profile, a text that is typed and answered, the mistakes.
import assert from 'node:assert/strict'
import { settled } from './browser.mjs'
import { MOOD, reviews } from './texts.mjs'
import { errand, world } from './world.mjs'

const shared = world(async (server) => {
  await server.import('reviews', 'reviews.csv', reviews())
  await server.train('mood', MOOD)
  await server.api('POST', '/models/mood/deploy', { body: { version: 1, reason: 'first' } })
})

errand('the profile of a text says lengths, scripts, words and what repeats', shared, async ({ page, server }) => {
  await page.goto('/data/reviews/1')
  await settled(page)
  const { columns } = await server.api('GET', '/datasets/reviews:1/profile')
  const { text } = columns.find((column) => column.name === 'text')
  const card = page.getByRole('article').filter({ has: page.getByRole('heading', { name: 'text', exact: true }) })
  const facts = Object.fromEntries((await card.locator('dl > div').allInnerTexts()).map((fact) => fact.split('\n')))
  const median = text.words.find((quantile) => quantile.q === 0.5).value
  assert.ok(facts.Words.startsWith(`${median.toLocaleString('en')};`), facts.Words)
  assert.ok(facts['Repeat an earlier row'].startsWith(text.duplicates.toLocaleString('en')))
  assert.match(facts.Scripts, /^Latin 100%/)
  assert.ok((await card.locator('svg').first().textContent()).includes(text.frequent_words[0].value))
})

errand('a text is typed and answered', shared, async ({ page, server }) => {
  await page.goto('/models/mood/try')
  await settled(page)
  const typed = 'The story is wonderful, the cast moving;\nseen with friends.'
  assert.equal(await page.getByLabel('text').evaluate((control) => control.tagName), 'TEXTAREA')
  await page.getByLabel('text').fill(typed)
  await page.getByRole('button', { name: 'Predict' }).click()
  await page.locator('[data-answer=label]').waitFor()
  const { predictions } = await server.api('POST', '/models/mood/predict', { body: { rows: [{ text: typed }] } })
  assert.equal(await page.locator('[data-answer=label]').innerText(), predictions[0].label)
})

errand('the mistakes of a text model are shown with the beginning of their texts', shared, async ({ page, server }) => {
  await page.goto('/models/mood/1')
  await settled(page)
  const { mistakes } = (await server.api('GET', '/models/mood/versions/1')).evaluation
  assert.ok(mistakes.length > 0)
  assert.equal(await page.locator('[data-mistake]').count(), Math.min(12, mistakes.length))
  await page.locator(`[data-mistake="${mistakes[0].row}"]`).getByText(mistakes[0].text).waitFor()
})
