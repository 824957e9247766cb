// What the pages about models work out by themselves: confusion counts, costs, calls as code, the story of a job.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { resultPath, beginning, take } from '../src/jobs/story.ts'
import { confused, matrix, sortFigures, walkCells } from '../src/models/classes.ts'
import { at, cheapest, cost, nearestStop, rates, stops } from '../src/models/confusion.ts'
import { curl, javascript, python, pythonLiteral } from '../src/models/snippets.ts'
import { algorithms, classes, isMulticlass, likelyTarget, modelName, splitColumns } from '../src/train/guess.ts'
import { classesOf } from '../src/tryit/classes.ts'
import { sizeOf } from '../src/tryit/picture.ts'
import { aboutInput, fromPreview, isLongText, pictures, stride, typical, values } from '../src/tryit/row.ts'

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

const uploading = { ...call, model: 'icons', pictures: ['image'], row: { image: 'data:image/png;base64,AAAA', age: 35, note: "@it's <x>", zip: '0815', code: '35', phone: null } }

test('a call with a picture sends the file and the other values as a form, in every language', () => {
  const command = curl(uploading).split('\n\n').at(-1).replace('curl -sS', 'printf "%s\n"')
  const printed = execFileSync('bash', ['-c', command], { env: { MEUSE_API_KEY: 'k1' }, encoding: 'utf8' })
  assert.match(curl(uploading), / -F image=@picture\.png /)
  assert.deepEqual(printed.trim().split('\n'), [
    'http://127.0.0.1:8080/api/v1/models/icons/predict',
    '-H', 'Authorization: Bearer k1', '-F', 'image=@picture.png', '--form-string', 'age=35', '--form-string', "note=@it's <x>",
    // A text that reads like a number is quoted, so that it stays one.
    '--form-string', 'zip=0815', '--form-string', 'code="35"',
  ])
  assert.match(python(uploading), /files=\{\n {8}"image": open\("picture\.png", "rb"\),/)
  execFileSync('python3', ['-c', 'import sys; compile(sys.stdin.read(), "snippet", "exec")'], { input: python(uploading) })
  assert.match(javascript(uploading), /form\.append\("image", new Blob\(\[await readFile\("picture\.png"\)\]\), "picture\.png"\)/)
  execFileSync(process.execPath, ['--input-type=module', '--check'], { input: javascript(uploading) })
  for (const code of [curl, python, javascript]) assert.ok(!code(uploading).includes('base64'), 'no picture stands in the code')
  assert.match(curl({ ...uploading, pictures: ['left', 'right'] }), /-F left=@left\.png \\\n {2}-F right=@right\.png/)
})

test('a picture of the form is sent as it was read, and has no typical value', () => {
  const inputs = [
    { name: 'image', type: 'image', example: null, missing: '' },
    { name: 'review', type: 'text', example: 'good', missing: '' },
    { name: 'job', type: 'text', allowed: ['skilled'], example: 'skilled', missing: '' },
  ]
  assert.deepEqual(pictures(inputs), ['image'])
  assert.deepEqual(inputs.map(isLongText), [false, true, false])
  assert.deepEqual(typical(inputs), { image: '', review: 'good', job: 'skilled' })
  assert.deepEqual(fromPreview(inputs, { columns: ['image', 'review'], rows: [['cat/1.png', 'bad']] }, 0), { image: '', review: 'bad', job: '' })
  assert.equal(values(inputs, { image: 'data:image/png;base64,AAAA' }).image, 'data:image/png;base64,AAAA')
  for (const length of [0, 1, 2, 3, 300]) assert.equal(sizeOf(`data:image/png;base64,${Buffer.alloc(length).toString('base64')}`), length)
})

test('going on by the stride meets every picture once', () => {
  for (const total of [1, 2, 3, 7, 24, 100, 997, 60_000]) {
    const met = new Set()
    for (let row = 0, step = stride(total); !met.has(row); row = (row + step) % total) met.add(row)
    assert.equal(met.size, total)
  }
})

const report = {
  labels: ['cat', 'dog', 'emu'],
  confusion: [[5, 3, 0], [1, 8, 1], [0, 0, 0]],
  figures: [
    { label: 'cat', support: 8, precision: 5 / 6, recall: 5 / 8, f1: 0.714 },
    { label: 'dog', support: 10, precision: 8 / 11, recall: 0.8, f1: 0.762 },
    { label: 'emu', support: 0, precision: 0, recall: null, f1: null },
  ],
}

test('the matrix of several classes has counts and shares of the truth; of many, the classes with the most mistakes', () => {
  const all = matrix(report)
  assert.deepEqual([all.labels, all.left], [report.labels, 0])
  assert.deepEqual(all.rows.map((row) => row.total), [8, 10, 0])
  assert.deepEqual(all.rows[0].cells, [{ count: 5, share: 5 / 8 }, { count: 3, share: 3 / 8 }, { count: 0, share: 0 }])
  assert.equal(all.rows[2].cells[0].share, null)
  const some = matrix(report, 2)
  assert.deepEqual([some.labels, some.left], [['cat', 'dog'], 1])
  assert.deepEqual(some.rows[1].cells.map((cell) => cell.share), [0.1, 0.8])
})

test('what is confused most comes first, and figures are sorted with the undefined last', () => {
  assert.deepEqual(confused(report).map((pair) => [pair.truth, pair.predicted, pair.count]), [['cat', 'dog', 3], ['dog', 'cat', 1], ['dog', 'emu', 1]])
  assert.equal(confused(report)[0].share, 3 / 8)
  const names = (by, ascending) => sortFigures(report.figures, by, ascending).map((one) => one.label)
  assert.deepEqual(names('recall', true), ['cat', 'dog', 'emu'])
  assert.deepEqual(names('recall', false), ['dog', 'cat', 'emu'])
  assert.deepEqual(names('label', false), ['emu', 'dog', 'cat'])
  assert.deepEqual(names('support', true), ['emu', 'cat', 'dog'])
})

test('keys lead from cell to cell and never out of the matrix', () => {
  assert.deepEqual(walkCells('ArrowRight', [0, 2], 3), [0, 2])
  assert.deepEqual(walkCells('ArrowDown', [0, 2], 3), [1, 2])
  assert.deepEqual(walkCells('Home', [1, 2], 3), [1, 0])
  assert.deepEqual(walkCells('PageDown', [0, 1], 3), [2, 1])
  assert.equal(walkCells('Tab', [0, 0], 3), undefined)
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
  const boxes = { name: 'boxes', type: 'boxes', nullable: true, categories: ['cat'] }
  assert.equal(likelyTarget([...columns, boxes], undefined), 'boxes')
  assert.equal(likelyTarget([...columns, { ...boxes, categories: [] }], profile), 'creditability')
  assert.equal(likelyTarget(columns.filter((column) => column.name !== 'creditability'), undefined), 'age')
  assert.deepEqual(splitColumns(columns), ['part'])
  assert.deepEqual(classes('creditability', profile), ['bad', 'good'])
  const breeds = [{ name: 'breed', type: 'text', nullable: false, categories: ['cat', 'dog', 'emu'] }]
  assert.equal(isMulticlass('breed', breeds, undefined), true)
  const message = { name: 'message', type: 'text', nullable: false }
  const parts = { name: 'part', type: 'text', nullable: false, categories: ['test', 'train', 'valid'] }
  assert.equal(likelyTarget([message, ...breeds, parts], undefined), 'breed')
  assert.equal(isMulticlass('creditability', columns, profile), false)
  assert.deepEqual(algorithms(false, true), ['network'])
  assert.ok(algorithms(true).includes('scorecard') && !algorithms(false).includes('scorecard'))
  assert.equal(modelName('credit', 'lightgbm'), 'credit-trees')
})

test('an answer of two classes tells both, the likeliest first; one of several is told as it is', () => {
  const binary = { task: 'binary', labels: ['good', 'bad'] }
  assert.deepEqual(classesOf({ label: 'bad', probability: 0.25 }, binary), [
    { label: 'good', probability: 0.75 },
    { label: 'bad', probability: 0.25 },
  ])
  assert.deepEqual(classesOf({ label: 'bad', probability: 0.75 }, binary).map((one) => one.label), ['bad', 'good'])
  const classes = [{ label: 'cat', probability: 0.5 }, { label: 'dog', probability: 0.3 }, { label: 'cow', probability: 0.2 }]
  assert.deepEqual(classesOf({ label: 'cat', probability: 0.5, classes }, { task: 'multiclass', labels: ['cat', 'cow', 'dog'] }), classes)
  assert.deepEqual(classesOf({ value: 3 }, { task: 'regression' }), [])
})
