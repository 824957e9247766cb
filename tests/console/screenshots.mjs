// Shoots every page in both languages and both themes, and at 360 px, for a person to look at.
//
//     node screenshots.mjs FOLDER [PAGE]…      (as in `home data.version`; the binaries as for the tests)
//
// Chinese text wants a CJK font on this machine, as in Debian's fonts-noto-cjk.
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { launch, settled, signIn, visit } from './browser.mjs'
import { pages, stay } from './pages.mjs'
import { Server } from './server.mjs'

const [folder, ...wanted] = process.argv.slice(2)
if (!folder) {
  console.error('name a folder for the pictures: node screenshots.mjs FOLDER')
  process.exit(2)
}
mkdirSync(folder, { recursive: true })

const server = await Server.start()
const browser = await launch()
try {
  await stay(server)
  for (const locale of ['en', 'zh-CN']) {
    for (const theme of ['light', 'dark']) await shoot(locale, theme, { width: 1280, height: 800 }, `${locale}-${theme}`)
    await shoot(locale, 'light', { width: 360, height: 740 }, `${locale}-360`)
  }
} finally {
  await browser.close()
  await server.stop()
}

async function shoot(locale, theme, viewport, suffix) {
  const { context, page, problems } = await visit(browser, server, { viewport, colorScheme: theme, locale })
  for (const { name, at, inside } of pages(server)) {
    if (wanted.length && !wanted.includes(name)) continue
    if (inside && page.url() === 'about:blank') await signIn(page, server.key)
    if (inside && new URL(page.url()).pathname === '/sign-in') await signIn(page, server.key)
    await page.goto(at)
    await settled(page)
    await page.screenshot({ path: path.join(folder, `${name}.${suffix}.png`), fullPage: true })
  }
  for (const problem of new Set(problems)) console.log(`${suffix}: ${problem}`)
  await context.close()
}
