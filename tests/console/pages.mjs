// Every page of the console as the audit and the screenshots visit them, over a project in which something has happened.
import { demo } from './world.mjs'

/// The demo, and what else makes a page worth looking at: people, keys, calls, a second version.
export async function stay(server) {
  await demo(server)
  await server.api('POST', '/principals', { body: { name: 'lin', role: 'scientist' } })
  await server.api('POST', '/principals', { body: { name: 'scoring-service', role: 'viewer' } })
  await server.api('POST', '/keys', { body: { principal: 'scoring-service', note: 'production', expires_in_days: 10 } })
  await server.api('POST', '/projects', { body: { name: 'mortgages' } })
  const { rows } = await server.api('GET', '/datasets/credit/preview')
  const { columns } = await server.api('GET', '/datasets/credit/preview')
  const row = Object.fromEntries(columns.map((column, at) => [column, rows[0][at]]))
  delete row.creditability
  for (let call = 0; call < 20; call++) await server.api('POST', '/models/credit-scorecard/predict', { body: { rows: [row] } })
  const { items } = await server.api('GET', '/jobs')
  server.job = items.find((job) => job.kind === 'train').id
}

/// Where they are. `inside` ones are behind the sign-in.
export function pages(server) {
  const inside = {
    'home': '/',
    'data': '/data',
    'data.dataset': '/data/credit',
    'data.version': '/data/credit/1',
    'data.preview': '/data/credit/1?tab=preview',
    'train': '/train?dataset=credit',
    'jobs': '/jobs',
    'job': `/jobs/${server.job}`,
    'models': '/models',
    'model': '/models/credit-scorecard',
    'model.version': '/models/credit-scorecard/1',
    'model.trees': '/models/credit-trees/1',
    'model.try': '/models/credit-scorecard/try',
    'compare': '/compare?versions=credit-scorecard:1,credit-trees:1',
    'audit': '/audit',
    'access': '/access',
    'access.keys': '/access?tab=keys',
    'access.projects': '/access?tab=projects',
    'missing': '/nothing/here',
  }
  const list = Object.entries(inside).map(([name, at]) => ({ name, at, inside: true }))
  return [{ name: 'sign-in', at: '/sign-in', inside: false }, ...list]
}
