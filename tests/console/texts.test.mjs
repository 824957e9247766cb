// Long texts in the browser: their profile, a text that is typed and answered, the mistakes; neighbours of a word.
import assert from 'node:assert/strict'
import { settled } from './browser.mjs'
import { MOOD, reviews, WORDS } from './texts.mjs'
import { errand, world } from './world.mjs'

const shared = world(async (server) => {
  await server.import('reviews', 'reviews.csv', reviews())
  await server.train('mood', MOOD)
  await server.api('POST', '/models/mood/deploy', { body: { version: 1, reason: 'first' } })
  await server.train('words', WORDS)
})

errand('the profile of a text says lengths, scripts, languages, words and what repeats', shared, async ({ page, server }) => {
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
  assert.equal(text.languages.found[0].code, 'eng')
  assert.match(facts['Languages (estimate)'], /^English \d/)
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
  const [{ label, probability }] = predictions
  assert.equal(await page.locator('[data-answer=label]').innerText(), label)
  const shown = await page.locator('[data-class]').evaluateAll((all) => all.map((one) => [one.dataset.class, Number(one.dataset.exact)]))
  assert.ok(probability > 0.5, 'good is the likeliest')
  assert.deepEqual(shown, [['good', probability], ['bad', 1 - probability]])
  const percent = (share) => share.toLocaleString('en', { style: 'percent', minimumFractionDigits: 2, maximumFractionDigits: 2 })
  const lines = await page.getByRole('list', { name: 'The likeliest classes of label' }).getByRole('listitem').allInnerTexts()
  assert.deepEqual(lines.map((line) => line.replace(/\s+/g, ' ').trim()), [`good ${percent(probability)}`, `bad ${percent(1 - probability)}`])
})

errand('the mistakes of a text model are shown with the beginning of their texts', shared, async ({ page, server }) => {
  await page.goto('/models/mood/1')
  await settled(page)
  const { mistakes } = (await server.api('GET', '/models/mood/versions/1')).evaluation
  assert.ok(mistakes.length > 0)
  assert.equal(await page.locator('[data-mistake]').count(), Math.min(12, mistakes.length))
  await page.locator(`[data-mistake="${mistakes[0].row}"]`).getByText(mistakes[0].text).waitFor()
})

errand(
  'a word is asked for its neighbours, and a neighbour for its own',
  shared,
  async ({ page, server }) => {
    await page.goto('/models/words/1')
    await settled(page)
    const listed = async (word) => (await server.api('GET', `/models/words:1/neighbours?word=${word}`)).neighbours.map((one) => one.word)
    const shown = () => page.locator('[data-neighbour]').evaluateAll((all) => all.map((one) => one.dataset.neighbour))
    await page.getByLabel('Word', { exact: true }).fill('Wonderful')
    await page.getByRole('button', { name: 'Show neighbours' }).click()
    await page.getByRole('list', { name: 'Words nearest to Wonderful' }).waitFor()
    const near = await listed('wonderful')
    assert.equal(near.length, 10)
    assert.deepEqual(await shown(), near)
    await page.getByRole('button', { name: near[0], exact: true }).click()
    await page.getByRole('list', { name: `Words nearest to ${near[0]}` }).waitFor()
    assert.deepEqual(await shown(), await listed(near[0]))
    await page.getByLabel('Word', { exact: true }).fill('wondreful')
    await page.getByRole('button', { name: 'Show neighbours' }).click()
    await page.getByRole('alert').getByText('did you mean `wonderful`?').waitFor()
  },
  { expected: ['404 GET /api/v1/models/words%3A1/neighbours'] },
)
