// The audit trail: newest first, filtered, verified, exported.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { errand, world } from './world.mjs'

const shared = world(async (server) => {
  for (let number = 0; number < 60; number++) await server.api('POST', '/principals', { body: { name: `p${number}`, role: 'viewer' } })
  await server.import('credit', 'germancredit.csv')
})

const numbers = (page) => page.locator('tbody tr td:first-child').allInnerTexts()

errand('entries stand newest first, and older ones follow', shared, async ({ page, server }) => {
  await page.goto('/audit')
  await page.getByRole('row').nth(50).waitFor()
  const first = await server.api('GET', '/audit?order=desc&limit=50')
  assert.deepEqual(await numbers(page), first.items.map((entry) => String(entry.seq)))
  await page.getByRole('button', { name: 'Older entries' }).click()
  await page.getByRole('row').nth(60).waitFor()
  const all = await server.api('GET', '/audit?order=desc&limit=500')
  assert.deepEqual(await numbers(page), all.items.map((entry) => String(entry.seq)).slice(0, (await numbers(page)).length))
  assert.deepEqual((await numbers(page)).at(-1), '1')
})

errand('the trail answers who, what and when', shared, async ({ page, server }) => {
  await page.goto('/audit')
  await page.getByRole('row').nth(50).waitFor()
  await page.getByLabel('Action').selectOption({ label: 'Data sets' })
  await page.waitForFunction(() => [1, 2, 3, 4, 5, 6, 7, 8, 9].includes(document.querySelectorAll('tbody tr').length))
  const { items } = await server.api('GET', '/audit?order=desc&action=dataset.')
  assert.ok(items.length >= 2)
  assert.deepEqual(await numbers(page), items.map((entry) => String(entry.seq)))
  await page.getByRole('button', { name: `Details of entry ${items[0].seq}` }).click()
  assert.deepEqual(JSON.parse(await page.locator('pre').innerText()), items[0].details)

  await page.reload()
  await page.getByLabel('Subject').fill('p4')
  await page.getByLabel('Action').selectOption({ label: 'Roles' })
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 11)
  await page.getByLabel('Until').fill('2001-01-01')
  await page.getByText('Nothing matches what you asked for.').waitFor()
  await page.getByRole('button', { name: 'Clear' }).click()
  await page.getByRole('row').nth(50).waitFor()
})

errand('verifying says that the trail is whole, and how many entries were read', shared, async ({ page, server }) => {
  await page.goto('/audit')
  await page.getByRole('button', { name: 'Verify the trail' }).click()
  await page.getByText('The trail is whole').waitFor()
  const { entries } = await server.api('POST', '/audit/verify')
  await page.getByText(`${entries} entries were checked`).waitFor()
})

errand('what is filtered is what is exported', shared, async ({ page }) => {
  await page.goto('/audit?action=dataset.')
  await page.getByRole('row').nth(1).waitFor()
  const shown = await numbers(page)
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'JSONL' }).click()])
  const lines = readFileSync(await download.path(), 'utf8').trim().split('\n').map((line) => JSON.parse(line))
  assert.deepEqual(lines.map((line) => String(line.seq)).toSorted(), shown.toSorted())
})
