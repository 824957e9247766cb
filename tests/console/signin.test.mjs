// The way in and out, and what each role is offered.
import assert from 'node:assert/strict'
import { signIn } from './browser.mjs'
import { errand, world } from './world.mjs'

const shared = world()
const REFUSED = '401 POST /api/v1/session'

errand(
  'signing in takes a keyboard only, and the skip link leads to the content',
  shared,
  async ({ page, server }) => {
    await page.goto('/')
    await page.locator('input[type=password]').waitFor()
    assert.equal(new URL(page.url()).pathname, '/sign-in')
    await page.waitForFunction(() => document.activeElement?.matches('input[type=password]'))
    await page.keyboard.type(server.key)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor()
    await page.keyboard.press('Tab')
    if (!(await page.evaluate(() => document.activeElement?.matches('.skip')))) await page.locator('.skip').focus()
    await page.keyboard.press('Enter')
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'content')
    const cookies = await page.context().cookies()
    assert.deepEqual(
      cookies.map(({ name, httpOnly, sameSite }) => ({ name, httpOnly, sameSite })),
      [{ name: 'meuse_session', httpOnly: true, sameSite: 'Strict' }],
    )
    assert.ok(!(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))).includes(server.key))
  },
  { role: null },
)

errand(
  'a key that the server does not know is refused in words, in the language that was chosen there',
  shared,
  async ({ page }) => {
    await page.goto('/sign-in')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('Enter your API key.').waitFor()
    await page.locator('input[type=password]').fill('meuse_nothing')
    await page.keyboard.press('Enter')
    await page.getByText('The server does not know this key').waitFor()
    assert.equal(await page.locator('input[type=password]').getAttribute('aria-invalid'), 'true')
    await page.getByRole('radio', { name: '中文' }).check()
    await page.getByText('密钥无效、已到期或已被吊销。').waitFor()
    await page.getByRole('heading', { name: '登录 Meuse' }).waitFor()
    assert.equal(await page.locator('html').getAttribute('lang'), 'zh-CN')
    await page.reload()
    await page.getByRole('heading', { name: '登录 Meuse' }).waitFor()
  },
  { role: null, expected: [REFUSED] },
)

errand(
  'the theme that was chosen stays, and stands before the first paint',
  shared,
  async ({ page }) => {
    await page.goto('/sign-in')
    await page.getByRole('radio', { name: 'Dark' }).check()
    await page.reload({ waitUntil: 'commit' })
    await page.waitForFunction(() => document.documentElement.dataset.theme !== undefined)
    assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark')
  },
  { role: null },
)

errand(
  'who was going somewhere arrives there after signing in; elsewhere leads home',
  shared,
  async ({ page, server }) => {
    await page.goto('/access?tab=keys')
    await enter(page, server.key)
    await page.getByRole('tab', { name: 'API keys', selected: true }).waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.locator('input[type=password]').waitFor()
    await page.goto('/sign-in?next=//example.org/')
    await enter(page, server.key)
    await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor()
    assert.equal(page.url(), `${server.url}/`)
  },
  { role: null },
)

async function enter(page, key) {
  await page.locator('input[type=password]').fill(key)
  await page.keyboard.press('Enter')
}

errand('signing out ends the session on the server', shared, async ({ page, server, context }) => {
  const [{ value }] = await context.cookies()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in to Meuse' }).waitFor()
  const answer = await fetch(`${server.url}/api/v1/me`, { headers: { Cookie: `meuse_session=${value}` } })
  assert.equal(answer.status, 401)
})

errand(
  'a session whose key is revoked ends, and the sign-in page says so',
  shared,
  async ({ page, server }) => {
    const secret = await server.principal('leaving', 'viewer')
    await signIn(page, secret)
    const { items } = await server.api('GET', '/keys')
    await server.api('DELETE', `/keys/${items.find((key) => key.principal === 'leaving').id}`)
    await page.getByRole('link', { name: 'Data sets' }).click()
    await page.getByText('Your session has ended').waitFor()
    assert.equal(new URL(page.url()).searchParams.get('next'), '/data')
  },
  { role: null, expected: ['401 GET /api/v1/datasets', '401 GET /api/v1/overview'] },
)

const OFFERED = {
  admin: ['Home', 'Data sets', 'Train', 'Jobs', 'Models', 'Audit', 'Access'],
  scientist: ['Home', 'Data sets', 'Train', 'Jobs', 'Models', 'Access'],
  viewer: ['Home', 'Data sets', 'Jobs', 'Models', 'Access'],
}

for (const role of Object.keys(OFFERED)) {
  errand(
    `${role}: what one may not do is not offered`,
    shared,
    async ({ page }) => {
      await page.getByRole('navigation').waitFor()
      assert.deepEqual(await page.getByRole('navigation').getByRole('link').allInnerTexts(), OFFERED[role])
      await page.goto('/data')
      await page.getByRole('heading', { name: 'No data sets yet' }).waitFor()
      assert.equal(await page.getByText('Drop a file here').count(), role === 'viewer' ? 0 : 1)
      await page.goto('/access')
      await page.getByRole('tab').first().waitFor()
      const tabs = await page.getByRole('tab').allInnerTexts()
      assert.deepEqual(tabs, role === 'admin' ? ['Principals', 'API keys', 'Projects'] : ['API keys'])
    },
    { role },
  )
}
