// What the tests of one file share: a server with the demo's data, models and people; a browser; `errand`, a test whose
// page is watched.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { launch, signIn, visit } from './browser.mjs'
import { EXAMPLES, Server } from './server.mjs'

// Small on purpose: how good it is does not matter here.
export const TREES = `dataset = "credit"
task = "binary"
target = "creditability"
positive = "bad"

[split]
method = "stratified"

[algorithm]
name = "lightgbm"
capacity = "manual"
num_iterations = 30
num_leaves = 7
`

/// Declares the world of this file; `fill` brings what its tests need. Its fields are there once the tests run.
export function world(fill = async () => undefined) {
  const shared = {}
  before(async () => {
    ;[shared.server, shared.browser] = await Promise.all([Server.start(), launch()])
    await fill(shared.server)
  })
  after(async () => {
    await shared.browser?.close()
    await shared.server?.stop()
  })
  return shared
}

/// The demo's data set, a scorecard and trees; the scorecard serves.
export async function demo(server) {
  await server.import('credit', 'germancredit.csv')
  const scorecard = readFileSync(path.join(EXAMPLES, 'scorecard.toml'), 'utf8')
  await Promise.all([server.train('credit-scorecard', scorecard), server.train('credit-trees', TREES)])
  await server.api('POST', '/models/credit-scorecard/deploy', { body: { version: 1, reason: 'first model' } })
}

/// A test in a browser of its own. `options.role` signs in by a key of such a principal; `null` leaves one outside.
export function errand(name, shared, run, { role = 'admin', warnings = [], ...options } = {}) {
  test(name, async () => {
    const { server, browser } = shared
    const person = await visit(browser, server, options)
    try {
      if (role !== null) await signIn(person.page, role === 'admin' ? server.key : await server.principal(role, role))
      await run({ ...person, server })
      assert.deepEqual(person.problems, [], 'nothing happened that a person would not see')
      assert.deepEqual(server.warnings(warnings), [], 'the server had nothing to warn of')
    } catch (failure) {
      const seen = await person.page.locator('body').innerText().catch(() => '')
      failure.message += `\nproblems: ${JSON.stringify(person.problems, null, 1)}\nat ${person.page.url()}, which shows:\n${seen.slice(0, 1500)}`
      throw failure
    } finally {
      await person.context.close()
    }
  })
}
