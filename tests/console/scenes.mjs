// What a person sees beside the plain pages: tabs, dialogs, answers, jobs alive and dead, emptiness, refusals. Only for
// the screenshots; a scene is a place and, where it takes one, what is done there.
import { endless, flawed } from './pictures.mjs'
import { TREES } from './world.mjs'

const ENDLESS = TREES.replace(
  'num_iterations = 30\nnum_leaves = 7',
  'num_iterations = 100000\nnum_leaves = 500\nmin_data_in_leaf = 1\nlearning_rate = 0.0001\nearly_stopping_round = 0',
)
const HOPELESS = TREES.replace(/\[algorithm\][^]*/, '[algorithm]\nname = "scorecard"\nmin_information_value = 1000\n')
const LOGISTIC = TREES.replace(/\[algorithm\][^]*/, '[algorithm]\nname = "logistic_regression"\n')
const AMOUNT = LOGISTIC.replace('binary', 'regression')
  .replace('target = "creditability"\npositive = "bad"', 'target = "credit_amount"')
  .replace('stratified', 'random')
// One column has nothing in it, one has one value, one looks like an identifier, one has marks for missing cells.
const CITIES = ['编号;城市;收入;备注;来源;年龄', ...Array.from({ length: 80 }, (_, at) => `A${1000 + at};${['北京', '上海', 'Liège', '成都'][at % 4]};${at % 9 ? 3000 + at * 37 : 'n/a'};;网点;${at % 7 ? 20 + (at % 45) : -999}`)].join('\n')

/// What the scenes want beside the demo and `stay`: regressions, a linear model, history, failures, an endless job.
export async function furnish(server) {
  const { train, api } = { train: server.train.bind(server), api: server.api.bind(server) }
  await server.import('cities', '城市 (new).csv', Buffer.from(CITIES))
  await server.import('flawed', 'flawed.zip', flawed())
  await Promise.all([
    train('amount-linear', AMOUNT.replace('logistic', 'linear')),
    train('amount-trees', AMOUNT.replace('name = "logistic_regression"', 'name = "lightgbm"\ncapacity = "manual"\nnum_iterations = 60')),
    train('credit-logistic', LOGISTIC),
    train('credit-trees', TREES.replace('num_leaves = 7', 'num_leaves = 4')),
  ])
  await api('PUT', '/models/credit-trees/aliases/champion', { body: { version: 1 } })
  for (const [way, body] of [
    ['deploy', { version: 1, reason: 'first trees' }],
    ['deploy', { version: 2, reason: 'fewer leaves: easier to explain to the committee, at nearly the same ROC AUC' }],
    ['rollback', { reason: 'complaints' }],
    ['undeploy', { reason: 'audit' }],
    ['deploy', { version: 1, reason: 'audit passed' }],
  ]) {
    await api('POST', `/models/credit-trees/${way}`, { body })
    await new Promise((resolve) => setTimeout(resolve, 700))
  }
  const failed = await api('POST', '/jobs/train', { body: { model: 'hopeless', recipe: HOPELESS } })
  await api('GET', `/jobs/${failed.id}/events?follow=true`)
  const live = await api('POST', '/jobs/train', { body: { model: 'endless', recipe: ENDLESS } })
  const learning = await api('POST', '/jobs/train', { body: { model: 'endless-network', recipe: endless() } })
  const imported = (await api('GET', '/jobs')).items.find((job) => job.kind === 'import')
  server.jobs = { failed: failed.id, live: live.id, learning: learning.id, import: imported.id }
  server.viewer = await server.principal('auditor', 'viewer')
}

/// The scenes of a furnished server, by name.
export function scenes(server) {
  const click = (selector) => (page) => page.locator(selector).first().click()
  const press = (name) => (page) => page.getByRole('button', { name }).first().click()
  const recipe = (change) => async (page) => {
    const text = page.locator('textarea').first()
    await text.fill(change(await text.inputValue()))
    await page.waitForTimeout(1_500)
  }
  const list = {
    'away': ['/', async (page) => {
      await page.route('**/api/**', (route) => route.abort())
      await page.reload()
      await page.waitForTimeout(700)
    }],
    'data.warnings': ['/data/cities/1'],
    'data.warnings.preview': ['/data/cities/1?tab=preview'],
    'data.chosen': ['/data', async (page) => {
      await page.locator('input[type=file]').setInputFiles({ name: 'Kredit 2026 (neu).csv', mimeType: 'text/csv', buffer: Buffer.from(CITIES) })
      await page.locator('details summary').first().click()
    }],
    'data.none_such': ['/data/nothing'],
    'train.scorecard': ['/train?dataset=credit', async (page) => {
      await page.locator('[data-path="algorithm.name"]').selectOption('scorecard')
      await page.locator('[data-path="algorithm.base_score"]').waitFor()
      for (const fold of await page.locator('details.group > summary').all()) await fold.click()
      const add = page.getByRole('combobox', { name: /Add a column|添加字段/ }).last()
      for (const column of ['age_in_years', 'purpose']) await add.selectOption(column)
      await page.locator('[data-path="preprocessing.columns.purpose.groups"]').selectOption({ index: 1 })
      await page.locator('[data-path="preprocessing.columns.age_in_years.breaks"]').fill('35, 26')
      await page.locator('[data-path="preprocessing.columns.age_in_years.breaks"]').blur()
      await page.waitForTimeout(1_500)
    }],
    'train.wrong': ['/train?dataset=credit', recipe((text) => text.replace('metric =', 'metrik =').replace('seed = 42', 'seed = 4.5'))],
    'train.unreadable': ['/train?dataset=credit', recipe((text) => text.replace('"credit"', '"credit'))],
    'jobs.failed': ['/jobs?show=failed'],
    'job.failed': [`/jobs/${server.jobs.failed}`],
    'job.live': [`/jobs/${server.jobs.live}`, (page) => page.waitForTimeout(2_000)],
    'job.network.live': [`/jobs/${server.jobs.learning}`, (page) => page.waitForTimeout(2_000)],
    'job.cancel': [`/jobs/${server.jobs.live}`, press(/^(Cancel|取消作业)$/)],
    'job.import': [`/jobs/${server.jobs.import}`],
    'model.history': ['/models/credit-trees'],
    'model.deploy': ['/models/credit-trees/2', press(/^(Deploy|部署)$/)],
    'model.rollback': ['/models/credit-trees', press(/^(Roll back|回滚)$/)],
    'model.undeploy': ['/models/credit-trees', press(/^(Take out of service|下线)$/)],
    'model.points': ['/models/credit-scorecard/1?tab=explanation'],
    'model.inputs': ['/models/credit-scorecard/1?tab=signature'],
    'model.lineage': ['/models/credit-scorecard/1?tab=lineage'],
    'model.gains': ['/models/credit-trees/1?tab=explanation'],
    'model.trees.inputs': ['/models/credit-trees/1?tab=signature'],
    'model.coefficients': ['/models/credit-logistic/1?tab=explanation'],
    'model.regression': ['/models/amount-linear/1'],
    'model.regression.coefficients': ['/models/amount-linear/1?tab=explanation'],
    'model.regression.gains': ['/models/amount-trees/1?tab=explanation'],
    'model.classes.read': ['/models/shapes-network/1', async (page) => {
      await page.locator('fieldset input[value=share]').check()
      await page.locator('td[data-row="0"][data-column="1"]').focus()
    }],
    'data.pictures.plain': ['/data/shapes/1', press(/^(No augmentation|不做增强)$/)],
    'data.pictures.left_out': ['/data/flawed/1', click('details:has(code) > summary')],
    'train.pictures': ['/train?dataset=shapes'],
    'model.none_such': ['/models/nothing'],
    'version.none_such': ['/models/credit-trees/99'],
    'try.answer': ['/models/credit-scorecard/try', click('form button[type=submit]')],
    'try.notes': ['/models/credit-scorecard/try', async (page) => {
      await page.getByLabel('purpose').selectOption({ index: 0 })
      await page.getByLabel('credit_history').selectOption({ index: 0 })
      await page.locator('form button[type=submit]').click()
    }],
    'try.refused': ['/models/credit-scorecard/try', async (page) => {
      await page.getByLabel('age_in_years').fill('old')
      await page.locator('form button[type=submit]').click()
    }],
    'try.picture': ['/models/shapes-network/try?version=1', click('form button[type=submit]')],
    'try.picture.refused': ['/models/shapes-network/try?version=1', async (page) => {
      await page.locator('[data-input=image] input[type=file]').setInputFiles({ name: 'fake.png', mimeType: 'image/png', buffer: Buffer.from('no picture') })
      await page.locator('form button[type=submit]').click()
    }],
    'try.boxes': ['/models/finder/try?version=1', click('form button[type=submit]')],
    'try.text': ['/models/mood/try?version=1', click('form button[type=submit]')],
    'try.regression': ['/models/amount-linear/try?version=1', click('form button[type=submit]')],
    'try.nothing': ['/models/amount-linear/try'],
    'compare.three': ['/compare?versions=credit-trees:1,credit-trees:2,credit-logistic:1'],
    'compare.regression': ['/compare?versions=amount-linear:1,amount-trees:1'],
    'compare.apart': ['/compare?versions=amount-linear:1,credit-trees:1'],
    'compare.none': ['/compare'],
    'audit.verified': ['/audit', press(/^(Verify the trail|校验审计记录)$/)],
    'audit.details': ['/audit', click('td button, td summary')],
    'audit.filtered': ['/audit?action=key.revoke'],
    'access.new': ['/access', press(/^(Add a principal|添加主体)$/)],
    'access.new_key': ['/access?tab=keys', press(/^(Make a key|创建密钥)$/)],
    'access.revoke': ['/access?tab=keys', press(/^(Revoke|吊销)/)],
  }
  return Object.entries(list).map(([name, [at, act]]) => ({ name, at, act, inside: true }))
}

/// What a viewer sees, who may look and call.
export const looking = [
  { name: 'viewer.home', at: '/', inside: true },
  { name: 'viewer.train', at: '/train', inside: true },
  { name: 'viewer.model', at: '/models/credit-trees', inside: true },
  { name: 'viewer.access', at: '/access?tab=keys', inside: true },
]

/// A server on its first day.
export const empty = ['/', '/data', '/train', '/jobs', '/models', '/audit', '/access', '/access?tab=keys', '/access?tab=projects'].map((at) => ({
  name: `empty.${at.replace(/^\//, '').replace('?tab=', '.') || 'home'}`,
  at,
  inside: true,
}))

/// What strangers see beside the plain page.
export const outside = [
  { name: 'sign-in.refused', at: '/sign-in', act: async (page) => {
    await page.locator('input[type=password]').fill('mk_wrong')
    await page.locator('button[type=submit]').click()
    await page.waitForTimeout(700)
  } },
]


