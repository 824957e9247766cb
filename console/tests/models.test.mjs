// What the pages about models work out by themselves: confusion counts, costs, calls as code, the story of a job.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { resultPath, beginning, take } from '../src/jobs/story.ts'
import { at, cheapest, cost, nearestStop, rates, stops } from '../src/models/confusion.ts'
import { curl, javascript, python, pythonLiteral } from '../src/models/snippets.ts'
import { algorithms, classes, likelyTarget, modelName, splitColumns } from '../src/train/guess.ts'
import { aboutInput, fromPreview, typical, values } from '../src/tryit/row.ts'

// Ten rows: positives at 0.9 0.8 0.6 0.3, negatives at 0.7 0.5 0.4 0.2 0.2 0.1.
const positives = [0.9, 0.8, 0.6, 0.3]
const negatives = [0.7, 0.5, 0.4, 0.2, 0.2, 0.1]
const share = (list, threshold) => list.filter((probability) => probability >= threshold).length / list.length
const levels = [...new Set([...positives, ...negatives])].sort((a, b) => b - a)
const roc = [
  { threshold: null, false_positive_rate: 0, true_positive_rate: 0 },
  ...levels.map((threshold) => ({
    threshold,
    false_positive_rate: share(negatives, threshold),
    true_positive_rate: share(positives, threshold),
  })),
]
const served = { true_positive: 3, false_negative: 1, false_positive: 2, true_negative: 4 }
const truth = (threshold) => {
  const hits = positives.filter((probability) => probability >= threshold).length
  const alarms = negatives.filter((probability) => probability >= threshold).length
  return { true_positive: hits, false_positive: alarms, true_negative: 6 - alarms, false_negative: 4 - hits }
}

test('counts are exact at every point of the curve', () => {
  const list = stops(roc, served)
  assert.deepEqual(list.map((stop) => stop.threshold), levels.toReversed())
  for (const stop of list) assert.deepEqual(stop.counts, truth(stop.threshold), String(stop.threshold))
})

test('between points that are one row apart counts are exact too; further apart they say that they are not', () => {
  const list = stops(roc, served)
  for (const threshold of [0.95, 0.85, 0.65, 0.45, 0.05]) {
    const reading = at(list, threshold)
    assert.deepEqual(reading.counts, truth(threshold), String(threshold))
    assert.equal(reading.exact, true, String(threshold))
  }
  // Two rows lie between the points at 0.3 and 0.2: for all that the curve says, one of them might stand at 0.25.
  assert.equal(at(list, 0.25).exact, false)
  const thinned = stops(roc.filter((point) => point.threshold !== 0.5 && point.threshold !== 0.6), served)
  assert.equal(at(thinned, 0.55).exact, false)
  assert.equal(at(thinned, 0.55).from, 0.7)
  assert.equal(at([], 0.5), undefined)
})

test('rates are those of their definitions, and undefined where nothing is divided', () => {
  const read = rates(truth(0.5))
  assert.deepEqual(read, { precision: 3 / 5, recall: 3 / 4, specificity: 4 / 6, accuracy: 7 / 10, f1: 6 / 9 })
  assert.equal(rates(truth(1)).precision, undefined)
})

test('the cheapest threshold is the one that no other undercuts; of equals the highest', () => {
  const list = stops(roc, served)
  for (const costs of [{ false_positive: 1, false_negative: 5 }, { false_positive: 5, false_negative: 1 }, { false_positive: 1, false_negative: 1 }]) {
    const best = cheapest(list, costs)
    const least = Math.min(...list.map((stop) => cost(stop.counts, costs)))
    assert.equal(cost(best.counts, costs), least)
    assert.equal(best.threshold, Math.max(...list.filter((stop) => cost(stop.counts, costs) === least).map((stop) => stop.threshold)))
  }
  assert.equal(nearestStop(list, 0.61).threshold, 0.6)
})

const call = {
  origin: 'http://127.0.0.1:8080',
  model: 'credit-trees',
  row: { purpose: "don't know $HOME `id`", note: 'quote " and \\ and 中文\nline', age: 35, rate: 0.5, phone: null, foreign: true },
}

test('the body of the curl command survives the shell as it is', () => {
  const command = curl(call).split('\n\n').at(-1).replace('curl -sS', 'printf "%s\\n"')
  const printed = execFileSync('bash', ['-c', command], { env: { MEUSE_API_KEY: 'k1' }, encoding: 'utf8' })
  const json = printed.slice(printed.indexOf('{'), printed.lastIndexOf('}') + 1)
  assert.deepEqual(JSON.parse(json), { rows: [call.row] })
  assert.match(printed, /Authorization: Bearer k1/)
  assert.match(printed, /^http:\/\/127\.0\.0\.1:8080\/api\/v1\/models\/credit-trees\/predict$/m)
  assert.match(curl({ ...call, model: 'credit:2' }), /models\/credit:2\/predict/)
})

test('the Python row is what Python reads back', () => {
  const program = `import json\nprint(json.dumps(${pythonLiteral(call.row)}))`
  assert.deepEqual(JSON.parse(execFileSync('python3', ['-c', program], { encoding: 'utf8' })), call.row)
  execFileSync('python3', ['-c', 'import sys; compile(sys.stdin.read(), "snippet", "exec")'], { input: python(call) })
})

test('the JavaScript is a module that parses', () => {
  execFileSync(process.execPath, ['--input-type=module', '--check'], { input: javascript(call) })
})

test('a form row becomes the values that the model wants', () => {
  const inputs = [
    { name: 'age', type: 'integer', example: 33, missing: '' },
    { name: 'job', type: 'text', example: 'skilled', missing: '' },
    { name: 'phone', type: 'boolean', example: true, missing: '' },
  ]
  assert.deepEqual(typical(inputs), { age: '33', job: 'skilled', phone: 'true' })
  const preview = { columns: ['job', 'age'], rows: [['manager', 51], [null, 20]] }
  assert.deepEqual(fromPreview(inputs, preview, 1), { age: '20', job: '', phone: '' })
  assert.deepEqual(values(inputs, { age: '20', job: '', phone: 'false' }), { age: 20, job: null, phone: false })
  assert.deepEqual(values(inputs, { age: 'old', job: 'x', phone: 'true' }), { age: 'old', job: 'x', phone: true })
  assert.equal(aboutInput('rows[0].age', inputs), 'age')
  assert.equal(aboutInput('rows', inputs), undefined)
})

test('the events of a job become stages, curves and a log; a new attempt begins anew', () => {
  const story = beginning()
  const tell = (attempt, event) => take(story, { line: 'event', attempt, number: 1, event })
  tell(1, { at: 't0', type: 'progress', stage: 'read data', done: 0, total: 0 })
  tell(1, { at: 't1', type: 'log', level: 'info', message: 'first' })
  tell(2, { at: 't2', type: 'progress', stage: 'read data', done: 0, total: 9 })
  tell(2, { at: 't3', type: 'progress', stage: 'read data', done: 9, total: 9 })
  tell(2, { at: 't4', type: 'progress', stage: 'fit', done: 0, total: 0 })
  tell(2, { at: 't5', type: 'metric', name: 'log_loss', part: 'validation', step: 1, value: 0.6 })
  tell(2, { at: 't5', type: 'metric', name: 'log_loss', part: 'validation', step: 2, value: 0.5 })
  tell(2, { at: 't6', type: 'metric', name: 'log_loss', part: 'validation', step: 1, value: 0.7 })
  tell(2, { at: 't7', type: 'done' })
  assert.deepEqual(story.stages, [
    { name: 'read data', done: 9, total: 9, from: 't2', to: 't4' },
    { name: 'fit', done: 0, total: 0, from: 't4', to: 't7' },
  ])
  assert.deepEqual(story.curves.map((curve) => curve.points.length), [2, 1])
  assert.deepEqual(story.log.map((line) => [line.attempt, line.message]), [[1, 'first']])
  assert.equal(resultPath('train', 'credit-trees:3'), '/models/credit-trees/3')
  assert.equal(resultPath('import', 'credit:1'), '/data/credit/1')
  assert.equal(resultPath('export', 'credit:1'), null)
})

test('what is filled in before anything is asked fits the data', () => {
  const columns = [
    { name: 'part', type: 'text', nullable: false, categories: ['test', 'train', 'valid'] },
    { name: 'age', type: 'integer', nullable: false },
    { name: 'creditability', type: 'text', nullable: false, categories: ['bad', 'good'] },
    { name: 'remark', type: 'text', nullable: true },
  ]
  const profile = {
    rows: 10,
    columns: [
      { name: 'creditability', type: 'text', missing: 0, distinct: 2, frequent: [{ value: 'good', count: 7 }, { value: 'bad', count: 3 }] },
    ],
  }
  assert.equal(likelyTarget(columns, profile), 'creditability')
  assert.equal(likelyTarget(columns.filter((column) => column.name !== 'creditability'), undefined), 'age')
  assert.deepEqual(splitColumns(columns), ['part'])
  assert.deepEqual(classes('creditability', profile), ['bad', 'good'])
  assert.ok(algorithms(true).includes('scorecard') && !algorithms(false).includes('scorecard'))
  assert.equal(modelName('credit', 'lightgbm'), 'credit-trees')
})
