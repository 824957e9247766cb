// The mathematics of the charts: what stands on an axis, what the pointer means.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { axisFromZero, columns, shorten } from '../src/charts/bars.ts'
import { nearest, path, step, valueAt } from '../src/charts/line.ts'
import { look, markerPath } from '../src/charts/palette.ts'
import { extent, linear, niceDomain, niceStep, tickFormat, ticks, valueFormat } from '../src/charts/scale.ts'
import { stretches, timeFormat, timeTicks } from '../src/charts/time.ts'

test('a linear scale maps both ways, and a domain without width to the middle', () => {
  const scale = linear([10, 20], [0, 200])
  assert.equal(scale(15), 100)
  assert.equal(scale.invert(50), 12.5)
  assert.equal(linear([3, 3], [0, 200])(3), 100)
})

test('steps of an axis are 1, 2 or 5 times a power of ten', () => {
  for (const [span, count, expected] of [[1, 5, 0.2], [100, 5, 20], [7, 4, 2], [0.003, 4, 0.001], [1.2e7, 3, 5e6]]) {
    assert.ok(Math.abs(niceStep(span, count) / expected - 1) < 1e-9, `${span} in ${count}: ${niceStep(span, count)}`)
  }
})

test('tick values are round, within the domain and without the noise of binary fractions', () => {
  assert.deepEqual(ticks(0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1])
  assert.deepEqual(ticks(0.1, 0.45, 4), [0.1, 0.2, 0.3, 0.4])
  assert.deepEqual(ticks(-3, 3, 3), [-2, 0, 2])
  assert.deepEqual(ticks(5, 5), [5])
  assert.deepEqual(ticks(NaN, 1), [])
})

test('a nice domain holds its data and ends on ticks', () => {
  assert.deepEqual(niceDomain(0.13, 0.87, 5), [0, 1])
  assert.deepEqual(niceDomain(250, 18424, 4), [0, 20000])
  const [low, high] = niceDomain(7, 7)
  assert.ok(low < 7 && 7 < high)
  assert.deepEqual(niceDomain(Infinity, -Infinity), [0, 1])
})

test('the extent leaves out what is not a finite number', () => {
  assert.deepEqual(extent([3, NaN, -1, Infinity]), [-1, 3])
  assert.deepEqual(extent([]), [0, 1])
})

test('axis labels have the digits that the step needs, in the reader\'s language', () => {
  const shares = [0, 0.2, 0.4]
  assert.deepEqual(shares.map(tickFormat(shares, 'en')), ['0.0', '0.2', '0.4'])
  const amounts = [0, 5000, 10000]
  assert.deepEqual(amounts.map(tickFormat(amounts, 'en')), ['0', '5,000', '10,000'])
  const large = [0, 500000, 1000000]
  assert.deepEqual(large.map(tickFormat(large, 'en')), ['0', '500K', '1M'])
  assert.deepEqual(large.map(tickFormat(large, 'zh-CN')), ['0', '50万', '100万'])
  assert.equal(valueFormat('en')(0.7653219), '0.7653')
  assert.equal(valueFormat('en')(12345), '12,345')
})

const roc = { key: 'roc', name: 'ROC', points: [{ x: 0, y: 0 }, { x: 0, y: 0.5 }, { x: 0.5, y: 1 }, { x: 1, y: 1 }] }
const chance = { key: 'chance', name: 'chance', reference: true, points: [{ x: 0, y: 0 }, { x: 1, y: 1 }] }

test('a path has a gap where there is no number', () => {
  const points = [{ x: 0, y: 1 }, { x: 1, y: 2 }, { x: 2, y: NaN }, { x: 3, y: 4 }]
  assert.equal(path(points, (x) => x, (y) => y), 'M0,1L1,2M3,4')
})

test('the pointer means the nearest point, and never a line that is there to compare with', () => {
  const [x, y] = [linear([0, 1], [0, 100]), linear([0, 1], [100, 0])]
  assert.deepEqual(nearest([chance, roc], { x: 52, y: 3 }, x, y), { series: 1, index: 2 })
  assert.deepEqual(nearest([chance, roc], { x: 1, y: 60 }, x, y), { series: 1, index: 1 })
  assert.deepEqual(nearest([roc], { x: 2, y: 99 }, x, y, 'x'), { series: 0, index: 0 })
  assert.equal(nearest([chance], { x: 50, y: 50 }, x, y), undefined)
})

test('other lines are read off at the same x; at an upright step the upper end counts', () => {
  assert.equal(valueAt(roc.points, 0), 0.5)
  assert.equal(valueAt(roc.points, 0.25), 0.75)
  assert.equal(valueAt(roc.points, 1), 1)
  assert.equal(valueAt(roc.points, 1.5), undefined)
})

test('arrow keys walk along a line and change lines, and stop at the ends', () => {
  const other = { key: 'b', name: 'b', points: [{ x: 0.1, y: 0 }, { x: 0.6, y: 1 }] }
  const lines = [chance, roc, other]
  assert.deepEqual(step(lines, undefined, 'ArrowRight'), { series: 1, index: 0 })
  assert.deepEqual(step(lines, { series: 1, index: 3 }, 'ArrowRight'), { series: 1, index: 3 })
  assert.deepEqual(step(lines, { series: 1, index: 0 }, 'ArrowLeft'), { series: 1, index: 0 })
  assert.deepEqual(step(lines, { series: 1, index: 2 }, 'ArrowDown'), { series: 2, index: 1 })
  assert.deepEqual(step(lines, { series: 2, index: 1 }, 'ArrowDown'), { series: 1, index: 2 })
  assert.deepEqual(step(lines, { series: 1, index: 2 }, 'End'), { series: 1, index: 3 })
  assert.equal(step([chance], undefined, 'ArrowRight'), undefined)
})

test('six series in a row differ in colour, in dash and in marker', () => {
  const looks = [0, 1, 2, 3, 4, 5].map(look)
  for (const part of ['colour', 'dash', 'marker']) assert.equal(new Set(looks.map((one) => one[part])).size, 6, part)
  for (const { marker } of looks) assert.match(markerPath(marker), /^M/)
})

test('a histogram has one column per bin; a rare value stays visible, an empty bin has no height', () => {
  const shown = columns([0, 10, 20, 30], [1000, 1, 0], 300, 100)
  assert.deepEqual(shown.map((column) => column.x), [0, 100, 200])
  assert.equal(shown[0].height, 100)
  assert.equal(shown[1].height, 1.5)
  assert.equal(shown[2].height, 0)
  assert.deepEqual(columns([0, 1], [1, 2], 300, 100), [])
})

test('an axis of counts begins at zero, also when there is nothing to count', () => {
  assert.deepEqual(axisFromZero(87, 4), { domain: [0, 100], values: [0, 20, 40, 60, 80, 100] })
  assert.equal(axisFromZero(0).domain[0], 0)
})

test('a long name keeps both ends', () => {
  assert.equal(shorten('age_in_years', 20), 'age_in_years')
  const short = shorten('installment_rate_in_percentage_of_disposable_income', 20)
  assert.equal(short.length, 20)
  assert.match(short, /^install.*….*income$/)
})

test('a time line has round instants and each stretch lasts until the next one', () => {
  const from = Date.parse('2026-11-28T03:00:10Z')
  const { step: every, values } = timeTicks(from, from + 4 * 60_000, 5)
  assert.equal(every, 60_000)
  assert.deepEqual(values.map((at) => new Date(at).toISOString().slice(14, 19)), ['01:00', '02:00', '03:00', '04:00'])
  assert.match(timeFormat(every, 'en')(values[0]), /\d/)
  const shown = stretches([{ at: 1, v: 'a' }, { at: 5, v: 'b' }], (one) => one.at, (one) => one.v, () => '', 9)
  assert.deepEqual(shown.map(({ row, from, to }) => [row, from, to]), [['a', 1, 5], ['b', 5, 9]])
})
