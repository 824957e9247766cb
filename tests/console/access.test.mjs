// Principals, keys and projects: what the pages do is done on the server.
import assert from 'node:assert/strict'
import { errand, world } from './world.mjs'

const shared = world()

errand('a principal is added, given another role, and loses it', shared, async ({ page, server }) => {
  await page.goto('/access')
  await page.getByRole('button', { name: 'Add a principal' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('lin')
  await dialog.getByLabel('Role').selectOption('scientist')
  await dialog.getByRole('button', { name: 'Give the role' }).click()
  await page.getByText('lin is now Scientist').waitFor()
  const role = async () => (await server.api('GET', '/principals')).items.find((principal) => principal.name === 'lin')?.role
  assert.equal(await role(), 'scientist')
  await page.getByRole('combobox', { name: 'Role of lin' }).selectOption('admin')
  await page.getByText('lin is now Admin').waitFor()
  assert.equal(await role(), 'admin')
  await page.getByRole('button', { name: 'Take the role of lin away' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Take away' }).click()
  await page.getByText('lin has no role here any more').waitFor()
  assert.equal(await role(), undefined)
})

errand(
  'the last administrator stays, and the refusal says why',
  shared,
  async ({ page }) => {
    await page.goto('/access')
    await page.getByRole('button', { name: 'Take the role of admin away' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Take away' }).click()
    await page.getByRole('dialog').getByRole('alert').waitFor()
  },
  { expected: ['409 DELETE /api/v1/principals/admin'] },
)

errand('a key is made, shown once, works, and is refused when it is revoked', shared, async ({ page, server, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.goto('/access?tab=keys')
  await page.getByRole('button', { name: 'Make a key' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Note').fill('nightly batch')
  await dialog.getByLabel('Valid for').selectOption({ label: '30 days' })
  await dialog.getByRole('button', { name: 'Make a key' }).click()
  const secret = await dialog.locator('pre').innerText()
  await dialog.getByRole('button', { name: 'Copy' }).click()
  await dialog.getByRole('button', { name: 'Copied' }).waitFor()
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret)
  await dialog.getByRole('button', { name: 'I have kept it' }).click()
  assert.ok(!(await page.content()).includes(secret))

  const me = await server.api('GET', '/me', { key: secret })
  const { items } = await server.api('GET', '/keys')
  const key = items.find((one) => one.note === 'nightly batch')
  assert.equal(key.prefix, me.key_prefix)
  assert.equal(Math.round((Date.parse(key.expires_at) - Date.parse(key.created_at)) / 86_400_000), 30)
  const row = page.getByRole('row').filter({ hasText: 'nightly batch' })
  await row.getByText('Usable').waitFor()
  await row.getByRole('button', { name: 'Revoke' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  await row.getByText('Revoked').waitFor()
  await assert.rejects(server.api('GET', '/me', { key: secret }), /401/)
})

errand('a project is made, entered, and is a wall', shared, async ({ page, server }) => {
  await server.import('credit', 'germancredit.csv')
  await page.goto('/access?tab=projects')
  await page.getByRole('button', { name: 'Make a project' }).click()
  await page.getByRole('dialog').getByLabel('Name').fill('mortgages')
  await page.getByRole('dialog').getByRole('button', { name: 'Make a project' }).click()
  await page.getByText('Project mortgages is made').waitFor()
  await page.getByLabel('Project', { exact: true }).selectOption('mortgages')
  await page.getByText('What happens in project mortgages').waitFor()
  await page.getByRole('link', { name: 'Data sets' }).click()
  await page.getByRole('heading', { name: 'No data sets yet' }).waitFor()
  await page.reload()
  await page.getByRole('heading', { name: 'No data sets yet' }).waitFor()
  await page.getByLabel('Project', { exact: true }).selectOption('default')
  await page.getByRole('link', { name: 'Data sets' }).click()
  await page.getByRole('link', { name: 'credit', exact: true }).waitFor()
  assert.deepEqual((await server.api('GET', '/datasets', { project: 'mortgages' })).items, [])
})
