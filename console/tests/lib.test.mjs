// What the console computes by itself: formats, routes, streams, refusals.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusal } from '../src/lib/errors.ts'
import { bytes, duration, languageName, number, percent, relative } from '../src/lib/format.ts'
import { lines } from '../src/lib/lines.ts'
import { match, path } from '../src/lib/match.ts'

test('numbers keep what matters', () => {
  assert.equal(number(1000, 'en'), '1,000')
  assert.equal(number(0.78123456, 'en'), '0.7812')
  assert.equal(number(0.5, 'en', 3), '0.500')
  assert.equal(number(12345.678, 'en'), '12,345.7')
  assert.equal(number(0.00001234, 'en'), '1.23E-5')
  assert.equal(percent(0.3, 'en'), '30%')
  assert.equal(percent(0.1234, 'en'), '12.3%')
})

test('sizes and durations have units, by language', () => {
  assert.equal(bytes(0, 'en'), '0 bytes')
  assert.equal(bytes(268043, 'en'), '268 kB')
  assert.equal(bytes(1.5e9, 'en'), '1.5 GB')
  assert.equal(duration(0.25, 'en'), '0.25 ms')
  assert.equal(duration(1500, 'en'), '1.5 sec')
  assert.equal(duration(125_000, 'en'), '2 min 5 sec')
  assert.equal(duration(125_000, 'zh-CN'), '2分钟 5秒')
})

test('time is told from now', () => {
  const now = Date.parse('2026-03-03T10:14:00Z')
  assert.equal(relative('2026-03-03T10:13:40Z', now, 'en'), 'now')
  assert.equal(relative('2026-03-03T10:09:00Z', now, 'en'), '5 min. ago')
  assert.equal(relative('2026-03-06T10:14:00Z', now, 'zh-CN'), '3天后')
})

test('languages are named in the language of the page', () => {
  assert.deepEqual(['eng', 'cmn', 'zh'].map((code) => languageName(code, 'en')), ['English', 'Chinese', 'Chinese'])
  assert.equal(languageName('deu', 'zh-CN'), '德语')
})

test('a route takes its parameters from the path', () => {
  assert.deepEqual(match('/data/:name/:version', '/data/credit/3'), { name: 'credit', version: '3' })
  assert.deepEqual(match('/data/:name', '/data/a%20b/'), { name: 'a b' })
  assert.deepEqual(match('/', '/'), {})
  assert.equal(match('/data/:name', '/data'), null)
  assert.equal(match('/data/:name', '/data/%E0%A4%A'), null)
  assert.equal(path`/data/${'a/b'}/${3}`, '/data/a%2Fb/3')
})

test('a stream of lines is read across its seams', async () => {
  const bytes = new TextEncoder().encode('{"a":"数"}\n{"a":2}\n\n{"a":3}')
  const stream = new ReadableStream({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
      controller.close()
    },
  })
  const read = []
  for await (const line of lines(stream)) read.push(line.a)
  assert.deepEqual(read, ['数', 2, 3])
})

test('a refusal says what the server said, and one that is not ours its status', () => {
  const body = { error: { kind: 'invalid', message: 'no', field: 'name', hint: 'yes', request_id: 'r1' } }
  const ours = refusal(422, 'Unprocessable', JSON.stringify(body))
  assert.deepEqual([ours.kind, ours.message, ours.field, ours.hint, ours.requestId], ['invalid', 'no', 'name', 'yes', 'r1'])
  assert.equal(refusal(502, 'Bad Gateway', '<html>').message, '502 Bad Gateway')
})
