// Every page, in both themes: an accessibility audit, nothing that jumps, and nothing that scrolls sideways on a phone.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { settled, signIn, visit } from './browser.mjs'
import { pages, stay } from './pages.mjs'
import { world } from './world.mjs'

const shared = world(stay)
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
// Another theme changes colours and nothing else.
const RULES = {
  light: { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] },
  dark: { runOnly: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] } },
}
// What a person could notice begins about here.
const STILL = 0.005

for (const theme of Object.keys(RULES)) {
  test(`every page passes the audit and stands still: ${theme}`, async () => {
    const found = await walk({ colorScheme: theme }, async (page) => {
      await page.evaluate(AXE)
      const { violations } = await page.evaluate((rules) => window.axe.run(document, rules), RULES[theme])
      const shifts = await page.evaluate(() => window.shifts)
      const moved = shifts.reduce((sum, shift) => sum + shift.value, 0)
      return [
        ...violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(' | ')}`),
        ...(moved > STILL ? [`moves by ${moved.toFixed(4)}: ${shifts.flatMap((shift) => shift.nodes).slice(0, 4)}`] : []),
      ]
    })
    assert.deepEqual(found, {})
  })
}

for (const locale of ['en', 'zh-CN']) {
  test(`no page scrolls sideways at 360 px: ${locale}`, async () => {
    const found = await walk({ viewport: { width: 360, height: 740 }, locale }, async (page) => {
      const wide = await page.evaluate(() => ({
        page: document.documentElement.scrollWidth,
        who: [...document.querySelectorAll('main *')].filter((one) => one.getBoundingClientRect().right > 361 && !one.closest('.frame, pre, .tabs, [data-scrolls]')).slice(0, 3).map((one) => `${one.tagName}.${one.className}`),
      }))
      return wide.page > 360 ? [`is ${wide.page} px wide: ${wide.who}`] : []
    })
    assert.deepEqual(found, {})
  })
}

/// Visits every page as one person, and gathers what `look` finds there, by page.
async function walk(options, look) {
  const { server, browser } = shared
  const { context, page, problems } = await visit(browser, server, options)
  const found = {}
  let signedIn = false
  for (const { name, at, inside } of pages(server)) {
    if (inside && !signedIn) {
      await signIn(page, server.key)
      signedIn = true
    }
    await page.goto(at)
    const isSettled = await settled(page).then(() => true, () => false)
    const seen = [...(isSettled ? await look(page) : ['does not come to rest']), ...problems.splice(0)]
    if (seen.length) found[name] = seen
  }
  await context.close()
  return found
}
