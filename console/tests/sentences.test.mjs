// The server's sentences in Chinese: each is one that the server can say, and finds its way through the templates.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { literals, placeholdersOf, translator } from '../src/lib/sentences.ts'

const chinese = JSON.parse(readFileSync(new URL('../src/messages/sentences.zh-CN.json', import.meta.url), 'utf8'))
const CRATES = new URL('../../crates/', import.meta.url)
const rust = readdirSync(CRATES, { recursive: true })
  .filter((name) => /\/src\/.*\.rs$/.test(name))
  .map((name) => readFileSync(new URL(name, CRATES), 'utf8'))
  .join('\n')
  // A text that goes on in the next line.
  .replace(/\\\n\s*/g, '')
  .replaceAll('\\"', '"')

test('the server says each of these sentences', () => {
  const parts = (template) => literals(template).flatMap((part) => part.split(/[,;:]/)).map((part) => part.trim()).filter((part) => part.length > 2)
  const unsaid = Object.keys(chinese).filter((template) => !parts(template).every((part) => rust.includes(part)))
  assert.deepEqual(unsaid, [])
})

test('a translation has the placeholders of its sentence, and is Chinese', () => {
  for (const [template, translation] of Object.entries(chinese)) {
    assert.deepEqual(placeholdersOf(translation).toSorted(), placeholdersOf(template).toSorted(), template)
    if (/[a-z]{3}/.test(literals(template).join(''))) assert.match(translation, /\p{Script=Han}/u, template)
  }
})

test('sentences are recognised, those within others as well; what is not known is left alone', () => {
  const tell = translator(chinese)
  assert.equal(tell('`age` has no value in any row'), '`age` 全部缺失')
  assert.equal(tell('`age` is left out: it has one value only in the training part'), '剔除 `age`：训练集内只有一种取值')
  assert.equal(tell('`x` is `a {b}` in every row where it is not missing'), '`x` 每行均为 `a {b}`（缺失行除外）')
  assert.equal(
    tell('8 leaves, all features and rows, rate 0.05, 120 rounds; chosen by cross-validation (log_loss 0.5123)'),
    '8 个叶子、全部特征和样本，学习率 0.05，120 轮；由交叉验证选定（log_loss 0.5123）',
  )
  assert.equal(tell('"a boat" was not seen in training and counts as missing: it has a bin of its own'), '训练集中没有 "a boat"，视为缺失：单独成箱')
  assert.equal(
    tell('no column is left for the scorecard: `a` has information value 0.5, below min_information_value = 9; `b` has no finite number'),
    '没有字段可进入评分卡：`a` 信息值 IV 为 0.5，低于 min_information_value = 9；`b` 没有有限数值',
  )
  assert.equal(
    tell('converged after 5 iterations; the largest partial derivative of the objective is 1.5e-11'),
    '5 次迭代（目标函数最大偏导数 1.5e-11）后收敛',
  )
  assert.equal(
    tell('no column is left to learn from: `a` has one value only in the training part, `b` has no finite number'),
    '没有可供学习的字段：`a` 训练集内只有一种取值、`b` 没有有限数值',
  )
  assert.equal(
    tell('recipe: line 3: `algorithm.l2`: -1 is out of range (allowed: 0 or more)'),
    '配方第 3 行 `algorithm.l2`：-1 超出范围（允许范围：不小于 0）',
  )
  assert.equal(tell('allowed: `auto`, `manual`; did you mean `auto`?'), '可用：`auto`, `manual`；是否想写 `auto`？')
  assert.equal(
    tell('the uploaded file `a.csv` cannot be read: blob 12ab is not there: restore it from a backup'),
    '上传的文件 `a.csv` 无法读取：缺少数据块 12ab：请从备份恢复',
  )
  assert.equal(tell('something else'), undefined)
  assert.equal(tell('a few rounds'), undefined)
  assert.equal(tell('`x` is left out: it is something else'), undefined)
})
