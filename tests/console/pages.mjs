// Every page of the console as the audit and the screenshots visit them, over a project in which something has happened.
import { FINDER, things } from './boxes.mjs'
import { SHAPES, shapes } from './pictures.mjs'
import { MOOD, reviews } from './texts.mjs'
import { demo } from './world.mjs'

/// The demo, and what else makes a page worth looking at: people, keys, calls, pictures, texts.
export async function stay(server) {
  await demo(server)
  await Promise.all([server.import('shapes', 'shapes.zip', shapes()), server.import('reviews', 'reviews.csv', reviews()), server.import('things', 'things.zip', things())])
  const [network] = await Promise.all([server.train('shapes-network', SHAPES), server.train('mood', MOOD), server.train('finder', FINDER)])
  server.network = network.id
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
  server.job = items.find((job) => job.kind === 'train' && job.subject.startsWith('credit')).id
}

/// Where they are. `inside` ones are behind the sign-in.
export function pages(server) {
  const inside = {
    'home': '/',
    'data': '/data',
    'data.dataset': '/data/credit',
    'data.version': '/data/credit/1',
    'data.preview': '/data/credit/1?tab=preview',
    'data.pictures': '/data/shapes/1',
    'data.picture': '/data/shapes/1?picture=0',
    'data.texts': '/data/reviews/1',
    'train': '/train?dataset=credit',
    'jobs': '/jobs',
    'job': `/jobs/${server.job}`,
    'job.network': `/jobs/${server.network}`,
    'models': '/models',
    'model': '/models/credit-scorecard',
    'model.version': '/models/credit-scorecard/1',
    'model.trees': '/models/credit-trees/1',
    'model.classes': '/models/shapes-network/1',
    'model.boxes': '/models/finder/1',
    'model.texts': '/models/mood/1',
    'model.try': '/models/credit-scorecard/try',
    'model.try.picture': '/models/shapes-network/try?version=1',
    'model.try.boxes': '/models/finder/try?version=1',
    'model.try.text': '/models/mood/try?version=1',
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
