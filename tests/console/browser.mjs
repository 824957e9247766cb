// One Chromium for all tests, and pages that fail their test at whatever a person would not see but should not happen:
// an error in the console, a request that fails or leaves the server's origin, a violation of the page's policy.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { chromium } from 'playwright-core'
import { CHECKOUT } from './server.mjs'

const EXECUTABLES = [process.env.MEUSE_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export async function launch() {
  const executablePath = EXECUTABLES.find((file) => file && existsSync(file))
  if (!executablePath) throw new Error('there is no Chromium: run scripts/setup --tests, or name one in MEUSE_CHROMIUM')
  return chromium.launch({ executablePath, args: ARGUMENTS, headless: true })
}

/// A browser of one person: its own cookies, a page that is watched. `expected` are refusals that the test provokes, as
/// in `401 POST /api/v1/session`.
export async function visit(browser, server, { expected = [], ...options } = {}) {
  const context = await browser.newContext({
    baseURL: server.url,
    locale: 'en-GB',
    timezoneId: 'Asia/Shanghai',
    viewport: { width: 1280, height: 800 },
    colorScheme: 'light',
    reducedMotion: 'reduce',
    ...options,
  })
  await context.addInitScript(observe)
  if (process.env.MEUSE_CONSOLE_FILES) await context.route((url) => !url.pathname.startsWith('/api'), fromFiles)
  const page = await context.newPage()
  // Generous: on a busy machine a page may take its time, and nothing waits longer than it must.
  page.setDefaultTimeout(30_000)
  const problems = watch(page, server, expected)
  return { context, page, problems }
}

// With MEUSE_CONSOLE_FILES=1, for work on the console: its files as they lie in console/dist, under the rules of the
// server, whose binary need not be built again then.
async function fromFiles(route) {
  const file = path.join(CHECKOUT, 'console/dist', new URL(route.request().url()).pathname)
  const { 'content-security-policy': policy } = (await route.fetch()).headers()
  const isFile = path.extname(file) && existsSync(file)
  await route.fulfill({ path: isFile ? file : path.join(CHECKOUT, 'console/dist/index.html'), headers: { 'content-security-policy': policy } })
}

function watch(page, server, expected) {
  const problems = []
  page.on('pageerror', (error) => problems.push(`error: ${error.stack ?? error}`))
  page.on('console', (message) => {
    const quiet = !['error', 'warning'].includes(message.type())
    // That a request was refused is told by the response, with its path.
    if (!quiet && !message.text().startsWith('Failed to load resource')) problems.push(`console: ${message.text()}`)
  })
  page.on('request', (request) => {
    const url = new URL(request.url())
    if (!['blob:', 'data:'].includes(url.protocol) && url.origin !== server.url) problems.push(`foreign: ${request.url()}`)
  })
  page.on('requestfailed', (request) => {
    // A page that is left gives up what it was still reading.
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') problems.push(`failed: ${request.url()} ${request.failure()?.errorText}`)
  })
  page.on('response', (response) => {
    if (response.status() < 400) return
    const told = `${response.status()} ${response.request().method()} ${new URL(response.url()).pathname}`
    if (!expected.includes(told)) problems.push(`refused: ${told}`)
  })
  return problems
}

// Runs in the page, before its own scripts.
function observe() {
  window.shifts = []
  window.violations = []
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.hadRecentInput) continue
      const nodes = entry.sources.map(({ node }) => (node instanceof Element ? `${node.tagName.toLowerCase()}.${node.className}` : String(node?.textContent)))
      window.shifts.push({ value: entry.value, nodes })
    }
  }).observe({ type: 'layout-shift', buffered: true })
  document.addEventListener('securitypolicyviolation', (event) => {
    window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`)
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`)
  })
}

/// Signs in by typing the key, as a person does.
export async function signIn(page, key) {
  await page.goto('/sign-in')
  await page.locator('input[type=password]').fill(key)
  await page.locator('button[type=submit]').click()
  await page.locator('#content h1').waitFor()
}

/// Waits until nothing is on its way and no skeleton stands.
export async function settled(page) {
  await page.waitForLoadState('networkidle')
  await page.waitForFunction(() => !document.querySelector('.skeleton'))
}
