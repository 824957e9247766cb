// Shoots every page and scene in both languages and both themes, and at 360 px, for a person to look at; and says where
// the accessibility audit complains or a page is wider than its window.
//
//     node screenshots.mjs FOLDER [PART]…     (pictures whose names hold a part, as in `home.en` `try.answer` `-360`;
//                                             the binaries as for the tests)
//
// Chinese text wants a CJK font on this machine, as in Debian's fonts-noto-cjk.
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { launch, settled, signIn, visit } from './browser.mjs'
import { pages, stay } from './pages.mjs'
import { empty, furnish, looking, outside, scenes } from './scenes.mjs'
import { Server } from './server.mjs'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const [folder, ...parts] = process.argv.slice(2)
if (!folder) {
  console.error('name a folder for the pictures: node screenshots.mjs FOLDER')
  process.exit(2)
}
mkdirSync(folder, { recursive: true })

// Two jobs are alive in the scenes, on a machine with few cores as well.
process.env.MEUSE_COMPUTE__SLOTS = '2'
const [server, fresh, browser] = await Promise.all([Server.start(), Server.start(), launch()])
try {
  await stay(server)
  await furnish(server)
  const places = [
    { server: fresh, key: fresh.key, list: empty },
    { server, key: server.key, list: [...pages(server), ...scenes(server), ...outside] },
    { server, key: server.viewer, list: looking },
  ]
  for (const locale of ['en', 'zh-CN']) {
    for (const place of places) {
      for (const colorScheme of ['light', 'dark']) await shoot(place, { locale, colorScheme }, `${locale}-${colorScheme}`)
      await shoot(place, { locale, viewport: { width: 360, height: 740 } }, `${locale}-360`)
    }
  }
} finally {
  await browser.close()
  await Promise.all([server.stop(), fresh.stop()])
}

async function shoot({ server, key, list }, options, variant) {
  const wanted = list.filter(({ name }) => !parts.length || parts.some((part) => `${name}.${variant}`.includes(part)))
  if (!wanted.length) return
  const { context, page, problems } = await visit(browser, server, options)
  page.setDefaultTimeout(10_000)
  for (const { name, at, act, inside } of wanted) {
    if (inside && !(await context.cookies()).length) await signIn(page, key)
    if (!inside) await context.clearCookies()
    await page.goto(at)
    await still(page)
    const picture = `${name}.${variant}`
    await act?.(page).catch((failure) => console.log(`${picture}: ${failure.message.split('\n')[0]}`))
    if (act) await still(page)
    // A window as tall as the page: what sticks to the window's edges is at the page's.
    const { width, height } = page.viewportSize()
    const tall = await page.evaluate(() => document.documentElement.scrollHeight)
    await page.setViewportSize({ width, height: Math.max(height, tall) })
    await page.screenshot({ path: path.join(folder, `${picture}.png`) })
    for (const wrong of [...(await faults(page)), ...problems.splice(0)]) console.log(`${picture}: ${wrong}`)
    await page.unrouteAll()
    await page.setViewportSize({ width, height })
  }
  await context.close()
}

// A page that follows a job never falls silent.
async function still(page) {
  await Promise.race([settled(page), page.waitForTimeout(4_000)]).catch(() => undefined)
}

async function faults(page) {
  await page.evaluate(AXE)
  const { violations } = await page.evaluate(() => window.axe.run(document))
  const { wide, width } = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth, width: innerWidth }))
  return [
    ...violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 2).map((node) => node.html.slice(0, 140)).join(' | ')}`),
    ...(wide > width ? [`${wide} px wide`] : []),
  ]
}
