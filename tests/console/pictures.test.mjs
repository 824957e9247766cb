// Pictures in the browser: looked at, changed as augmentation would, learnt, and asked about. What the pages show is what the
// API says.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { settled } from './browser.mjs'
import { CLASSES, endless, flawed, SHAPES, shape, shapes } from './pictures.mjs'
import { errand, world } from './world.mjs'

const run = promisify(execFile)
const shared = world(async (server) => {
  await server.import('shapes', 'shapes.zip', shapes())
  server.network = await server.train('shapes-network', SHAPES)
  await server.api('POST', '/models/shapes-network/deploy', { body: { version: 1, reason: 'first network' } })
})

const DISC = shape('disc', 3)
const figure = (value) => (typeof value === 'number' ? value.toLocaleString('en', { minimumFractionDigits: 4, maximumFractionDigits: 4 }) : '—')
const evaluation = async (server) => (await server.api('GET', '/models/shapes-network/versions/1')).evaluation

async function predicted(server, bytes) {
  const rows = [{ image: bytes.toString('base64') }]
  const { predictions } = await server.api('POST', '/models/shapes-network/predict', { body: { rows } })
  return predictions[0]
}

/** What the answer shows: classes in order, with their exact probabilities. */
const shownClasses = (page) => page.locator('[data-class][data-exact]').evaluateAll((all) => all.map((one) => ({ label: one.dataset.class, probability: Number(one.dataset.exact) })))

/** Lets a file fall on an element, or pastes it there. */
async function hand(page, selector, event, bytes, name = 'disc.png', type = 'image/png') {
  await page.locator(selector).first().evaluate(
    (element, { event, bytes, name, type }) => {
      const data = new DataTransfer()
      data.items.add(new File([Uint8Array.from(bytes)], name, { type }))
      const options = { bubbles: true, cancelable: true }
      element.dispatchEvent(event === 'drop' ? new DragEvent('drop', { ...options, dataTransfer: data }) : new ClipboardEvent('paste', { ...options, clipboardData: data }))
    },
    { event, bytes: [...bytes], name, type },
  )
}

errand('a picture that is dropped is answered with the classes and probabilities of the API', shared, async ({ page, server }) => {
  await page.goto('/models/shapes-network/try')
  await settled(page)
  await hand(page, '[data-input=image] button', 'drop', DISC)
  await page.getByText('disc.png').waitFor()
  await page.getByText('16 × 16').waitFor()
  await page.getByRole('button', { name: 'Predict' }).click()
  await page.locator('[data-answer=label]').waitFor()
  const answer = await predicted(server, DISC)
  assert.equal(await page.locator('[data-answer=label]').innerText(), answer.label)
  assert.deepEqual(await shownClasses(page), answer.classes)
  assert.equal(answer.classes.length, CLASSES.length)
  const first = page.getByRole('list', { name: 'The likeliest classes of label' }).getByRole('listitem').first()
  const percent = answer.classes[0].probability.toLocaleString('en', { style: 'percent', minimumFractionDigits: 2, maximumFractionDigits: 2 })
  assert.equal((await first.innerText()).replace(/\s+/g, ' ').trim(), `${answer.classes[0].label} ${percent}`)
  await page.getByText('answered by shapes-network:1').waitFor()
})

errand('a picture is pasted, chosen by the file dialog, and cleared', shared, async ({ page, server }) => {
  await page.goto('/models/shapes-network/try')
  await settled(page)
  await hand(page, 'body', 'paste', shape('bar', 1), 'pasted.png')
  await page.locator('[data-picture=name]').getByText('pasted.png').waitFor()
  await page.getByLabel(/^image/).setInputFiles({ name: 'frame.png', mimeType: 'image/png', buffer: shape('frame', 2) })
  await page.locator('[data-picture=name]').getByText('frame.png').waitFor()
  await page.getByRole('button', { name: 'Predict' }).click()
  await page.locator('[data-answer=label]').waitFor()
  assert.deepEqual(await shownClasses(page), (await predicted(server, shape('frame', 2))).classes)
  await page.getByRole('button', { name: 'Clear' }).click()
  await page.getByText('No picture yet').waitFor()
})

errand('the form begins with a picture of the data, and says what the data says of it', shared, async ({ page, server }) => {
  await page.goto('/models/shapes-network/try')
  await settled(page)
  const { items } = await server.api('GET', '/datasets/shapes:1/media?limit=1')
  await page.getByText('Row 1 of shapes:1.').waitFor()
  await page.getByRole('button', { name: 'Predict' }).click()
  await page.locator('[data-answer=label]').waitFor()
  assert.equal(await page.locator('.truth').innerText(), items[0].label)
  await page.getByRole('button', { name: 'Another picture' }).click()
  await page.getByText('Row 1 of shapes:1.').waitFor({ state: 'detached' })
})

errand(
  'a file that is no picture is told at its field',
  shared,
  async ({ page }) => {
    await page.goto('/models/shapes-network/try')
    await settled(page)
    await hand(page, '[data-input=image] button', 'drop', Buffer.from('no picture at all'), 'fake.png')
    await page.getByText('This browser cannot show the file.', { exact: false }).waitFor()
    await page.getByRole('button', { name: 'Predict' }).click()
    await page.locator('[data-input=image] [aria-invalid=true]').waitFor({ state: 'attached' })
    assert.ok((await page.locator('[data-input=image] .error').innerText()).length > 10)
  },
  { expected: ['400 POST /api/v1/models/shapes-network/predict'] },
)

errand('the commands and programs send the picture as they are shown', shared, async ({ page, server }) => {
  await page.goto('/models/shapes-network/try')
  await settled(page)
  const answer = await predicted(server, DISC)
  const folder = mkdtempSync(path.join(tmpdir(), 'meuse-picture-'))
  writeFileSync(path.join(folder, 'picture.png'), DISC)
  const shown = async (language) => {
    await page.getByRole('radio', { name: language }).check()
    return page.locator('pre[aria-label="The same call as code"]').innerText()
  }
  const options = { cwd: folder, env: { ...process.env, MEUSE_API_KEY: server.key } }
  try {
    const command = (await shown('curl')).replace('YOUR_KEY', server.key)
    assert.match(command, / -F image=@picture\.png/)
    const { stdout: fromCurl } = await run('bash', ['-c', command], options)
    assert.deepEqual(JSON.parse(fromCurl).predictions, [answer])

    const { stdout: fromNode } = await run(process.execPath, ['--input-type=module', '-e', await shown('JavaScript')], options)
    assert.ok(fromNode.includes(`label: '${answer.label}'`), fromNode)

    const program = await shown('Python')
    assert.match(program, /files=/)
    const hasRequests = await run('python3', ['-c', 'import requests']).then(() => true, () => false)
    if (hasRequests) {
      const { stdout: fromPython } = await run('python3', ['-c', program], options)
      assert.ok(fromPython.includes(`'label': '${answer.label}'`), fromPython)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

errand('the matrix, the figures of the classes and the metrics are those of the evaluation', shared, async ({ page, server }) => {
  await page.goto('/models/shapes-network/1')
  await settled(page)
  const { classes, metrics } = await evaluation(server)
  const counts = await page.locator('td[data-count]').evaluateAll((cells) => cells.map((cell) => Number(cell.dataset.count)))
  assert.deepEqual(counts, classes.confusion.flat())
  for (const [name, metric] of Object.entries(metrics)) assert.equal(await page.locator(`[data-metric=${name}]`).innerText(), figure(metric.value), name)
  for (const one of classes.figures) {
    const row = page.locator(`tr[data-class="${one.label}"]`)
    for (const name of ['precision', 'recall', 'f1']) {
      assert.equal(await row.locator(`[data-figure=${name}]`).innerText(), figure(one[name]), `${one.label} ${name}`)
    }
  }

  // Read off by keys: one to the right of the first cell.
  await page.locator('td[data-row="0"][data-column="0"]').focus()
  await page.keyboard.press('ArrowRight')
  const [truth, other] = classes.labels
  const total = classes.confusion[0].reduce((sum, count) => sum + count, 0)
  const said = await page.locator('[data-reading]').innerText()
  assert.ok(said.startsWith(`${truth}, taken for ${other}: ${classes.confusion[0][1]} of ${total}`), said)

  await page.getByRole('radio', { name: 'Shares of the truth' }).check()
  const share = (classes.confusion[0][0] / total).toLocaleString('en', { style: 'percent', maximumFractionDigits: 0 })
  assert.equal(await page.locator('td[data-row="0"][data-column="0"]').innerText(), classes.confusion[0][0] === 0 ? '' : share)

  // Sorted by recall, the lowest first.
  await page.getByRole('columnheader', { name: 'Recall' }).getByRole('button').click()
  const lowest = Math.min(...classes.figures.flatMap((one) => (typeof one.recall === 'number' ? [one.recall] : [])))
  assert.equal(await page.locator('tr[data-class]').first().locator('[data-figure=recall]').innerText(), figure(lowest))
})

errand('the gallery shows the most confident mistakes, and each leads to its picture', shared, async ({ page, server }) => {
  await page.goto('/models/shapes-network/1')
  await settled(page)
  const { mistakes } = await evaluation(server)
  assert.ok(mistakes.length > 0)
  const shown = await page.locator('[data-mistake]').evaluateAll((all) =>
    all.map((one) => {
      const [truth, predicted, probability] = one.querySelectorAll('dd')
      return { row: Number(one.dataset.mistake), truth: truth.innerText, predicted: predicted.innerText, probability: Number(probability.dataset.exact) }
    }),
  )
  const told = mistakes.slice(0, 12).map(({ row, truth, predicted, probability }) => ({ row, truth, predicted, probability }))
  assert.deepEqual(shown, told)
  assert.ok(mistakes.every((one, at) => at === 0 || one.probability <= mistakes[at - 1].probability))
  await page.locator('[data-mistake] img').nth(shown.length - 1).waitFor()

  await page.locator('[data-mistake] a').first().click()
  await page.waitForURL(`**/data/shapes/1?picture=${mistakes[0].row}`)
  const dialog = page.getByRole('dialog')
  const { items } = await server.api('GET', `/datasets/shapes:1/media?offset=${mistakes[0].row}&limit=1`)
  await dialog.getByText(items[0].path).waitFor()
  await dialog.getByRole('button', { name: 'Close' }).click()
  await page.waitForURL('**/data/shapes/1')
})

errand('thumbnails are of the class that is asked for', shared, async ({ page, server }) => {
  await page.goto('/data/shapes/1')
  await settled(page)
  await page.getByRole('combobox', { name: 'Class' }).first().selectOption('frame')
  await page.getByText('1–24 of 24').waitFor()
  await settled(page)
  const { items } = await server.api('GET', '/datasets/shapes:1/media?label=frame&limit=24')
  assert.deepEqual(await page.locator('button[data-row]').evaluateAll((all) => all.map((one) => Number(one.dataset.row))), items.map((item) => item.row))
})

errand(
  'the augmentation grid is what the API draws, and becomes lines of a recipe',
  shared,
  async ({ page, server }) => {
    await page.goto('/data/shapes/1')
    await settled(page)
    const grid = page.locator('[data-augment=grid]')
    await grid.waitFor()
    const grey = { width: 16, height: 16, colour: 'grey' }
    const drawn = async (augmentation, image = grey) => {
      const body = JSON.stringify({ image, augmentation, pictures: 4, epochs: 5, side: 128, seed: 42 })
      const headers = { Authorization: `Bearer ${server.key}`, 'Content-Type': 'application/json' }
      const response = await fetch(`${server.url}/api/v1/datasets/shapes:1/augment`, { method: 'POST', headers, body })
      assert.equal(response.headers.get('content-type'), 'image/png')
      return `data:image/png;base64,${Buffer.from(await response.arrayBuffer()).toString('base64')}`
    }
    const usual = { rotation: 40, width_shift: 0.2, height_shift: 0.2, shear: 0.2, zoom: 0.2, horizontal_flip: true, fill: 'nearest' }
    assert.equal(await grid.getAttribute('src'), await drawn(usual))
    assert.match(await grid.getAttribute('alt'), /4 rows.*5 epochs/)
    const lines = page.locator('pre[aria-label="As lines of a recipe:"]')
    assert.match(await lines.innerText(), /image = \{ width = 16, height = 16, colour = "grey" \}/)
    assert.match(await lines.innerText(), /augmentation = \{ rotation = 40, width_shift = 0\.2, .*fill = "nearest" \}/)

    const redrawn = async (change) => {
      const before = await grid.getAttribute('src')
      await change()
      await page.waitForFunction((old) => document.querySelector('[data-augment=grid]').src !== old, before)
    }
    await redrawn(() => page.getByRole('button', { name: 'No augmentation' }).click())
    assert.equal(await grid.getAttribute('src'), await drawn({}))
    await redrawn(() => page.getByLabel('Mix-up').fill('0.4'))
    assert.equal(await grid.getAttribute('src'), await drawn({ mix_up: 0.4, fill: 'nearest' }))
    await redrawn(() => page.locator('[data-setting=width]').fill('8'))
    assert.equal(await grid.getAttribute('src'), await drawn({ mix_up: 0.4, fill: 'nearest' }, { ...grey, width: 8 }))
    await page.locator('[data-setting=height]').fill('5000')
    await page.locator('[data-setting=height][aria-invalid=true]').waitFor()
    await page.locator('[data-setting=height]').fill('16')
    await page.locator('[data-setting=height][aria-invalid=true]').waitFor({ state: 'detached' })
    await page.getByLabel('Mix-up').fill('0')
    await page.getByLabel('Rotation').fill('500')
    await page.locator('[data-setting=rotation][aria-invalid=true]').waitFor()
    await page.getByLabel('Rotation').fill('90')
    await page.locator('[data-setting=rotation][aria-invalid=true]').waitFor({ state: 'detached' })
    assert.match(await lines.innerText(), /augmentation = \{ rotation = 90, fill = "nearest" \}/)
  },
  { expected: ['400 POST /api/v1/datasets/shapes%3A1/augment'] },
)

errand(
  'a file that was left out is told with its reason in Chinese',
  shared,
  async ({ page, server }) => {
    await server.import('flawed', 'flawed.zip', flawed())
    await page.goto('/data/flawed/1')
    await settled(page)
    await page.getByText('2 项未导入').click()
    const { images } = await server.api('GET', '/datasets/flawed:1/profile')
    const shown = await page.locator('details li').filter({ has: page.locator('code') }).evaluateAll((all) => all.map((one) => [one.querySelector('code').innerText, one.querySelector('span').innerText, one.querySelector('span').lang]))
    assert.deepEqual(shown.map(([file]) => file), images.problems.map((problem) => problem.file))
    for (const [file, reason, lang] of shown) {
      assert.match(reason, /\p{Script=Han}/u, file)
      assert.equal(lang, '', `${file}: a sentence that is known is not marked as English`)
    }
  },
  { locale: 'zh-CN' },
)

const chart = (page, title) => page.locator('figure').filter({ has: page.locator('title', { hasText: title }) })
/** The rows of the table beside a chart: part, epoch, value. */
const valuesOf = (figure) => figure.locator('tbody tr').evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.innerText)))
const LANGUAGES = {
  en: { loss: 'Loss by epoch', accuracy: 'Accuracy by epoch', table: 'Values as a table', epoch: 'Epoch', training: 'Training', validation: 'Validation', cancelled: 'Cancelled' },
  'zh-CN': { loss: '损失随训练轮次变化', accuracy: '准确率随训练轮次变化', table: '以表格查看数值', epoch: '训练轮次', training: '训练集', validation: '验证集', cancelled: '已取消' },
}

for (const [locale, words] of Object.entries(LANGUAGES)) {
  errand(
    `the job of a network shows the loss of training and validation part by epoch: ${locale}`,
    shared,
    async ({ page, server }) => {
      await page.goto(`/jobs/${server.network.id}`)
      await settled(page)
      const events = (await server.api('GET', `/jobs/${server.network.id}/events`)).trim().split('\n').map((line) => JSON.parse(line).event)
      const told = (metric, part) => events.filter((event) => event?.type === 'metric' && event.name === metric && event.part === part)
      assert.deepEqual(told('loss', 'training').map((event) => event.step), [1, 2, 3])
      for (const [metric, parts] of [['loss', ['training', 'validation']], ['accuracy', ['validation']]]) {
        await page.getByRole('radio', { name: words[metric].split(/ by |随/)[0] }).check()
        const figure = chart(page, words[metric])
        await figure.getByText(words.table).click()
        await figure.locator('tbody tr').first().waitFor()
        const wanted = parts.flatMap((part) => told(metric, part).map(({ step, value }) => [words[part], String(step), value.toLocaleString(locale, { maximumSignificantDigits: 4 })]))
        assert.equal(wanted.length, 3 * parts.length)
        assert.deepEqual(await valuesOf(figure), wanted)
        assert.equal(await figure.locator('svg[role=img] .mark').count(), wanted.length)
        assert.equal(await figure.locator('svg[role=img] .line').count(), parts.length)
        await figure.locator('.axis-name').getByText(words.epoch, { exact: true }).waitFor()
        // Epochs are counted: there is no half of one.
        assert.deepEqual(await figure.locator('.tick[text-anchor=middle]').allTextContents(), ['1', '2', '3'])
      }
    },
    { locale },
  )

  errand(
    `the curve of a network grows while it learns: ${locale}`,
    shared,
    async ({ page, server }) => {
      const job = await server.api('POST', '/jobs/train', { body: { model: 'endless', recipe: endless() } })
      await page.goto(`/jobs/${job.id}`)
      const figure = chart(page, words.loss)
      await figure.getByText(words.table).click()
      const epochs = async (part) => (await valuesOf(figure)).filter(([name]) => name === words[part]).map(([, epoch]) => Number(epoch.replaceAll(',', '')))
      const rows = figure.locator('tbody tr')
      for (let look = 0; look < 3; look++) {
        const before = await rows.count()
        await rows.nth(before + 1).waitFor()
      }
      for (const part of ['training', 'validation']) {
        const seen = await epochs(part)
        assert.deepEqual(seen, seen.map((_, at) => at + 1), `${part}: each epoch once, in order`)
      }
      await server.api('POST', `/jobs/${job.id}/cancel`, { body: {} })
      await page.getByText(words.cancelled, { exact: true }).waitFor()
    },
    { locale },
  )
}

errand('versions of several classes stand side by side', shared, async ({ page, server }) => {
  await page.goto('/compare?versions=shapes-network:1')
  await settled(page)
  const { metrics } = await evaluation(server)
  assert.equal(await page.locator('[data-compared="shapes-network:1 accuracy"]').innerText(), figure(metrics.accuracy.value))
})

errand('training on pictures is offered a network', shared, async ({ page }) => {
  await page.goto('/train?dataset=shapes')
  await settled(page)
  assert.deepEqual(await page.getByRole('combobox', { name: 'Algorithm' }).first().locator('option').allInnerTexts(), ['Neural network'])
})
