// A real `meuse serve` with a home of its own on a port of its own, and calls to its API beside the browser.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))
export const EXAMPLES = path.join(CHECKOUT, 'examples/credit')

const BINARIES = process.env.MEUSE_BIN_DIR ?? path.join(process.env.CARGO_TARGET_DIR ?? path.join(CHECKOUT, 'target'), 'debug')
const NATIVE = process.env.MEUSE_NATIVE_DIR ?? path.join(CHECKOUT, 'vendor/lib')
const STARTED_WITHIN = 60_000

export class Server {
  /// Starts one and waits until it says where it listens.
  static async start(options = []) {
    const server = new Server()
    server.folder = mkdtempSync(path.join(tmpdir(), 'meuse-console-'))
    server.log = ''
    const file = (name) => path.join(server.folder, name)
    const home = ['--home', file('home'), '--listen', '127.0.0.1:0']
    const files = ['--address-file', file('address'), '--admin-key-file', file('admin.key')]
    server.child = spawn(path.join(BINARIES, 'meuse'), ['serve', ...home, ...files, ...options], {
      cwd: server.folder,
      env: { ...process.env, MEUSE_NATIVE_DIR: NATIVE, LD_LIBRARY_PATH: NATIVE },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const gone = new Promise((_, reject) => {
      server.child.once('error', reject)
      server.child.once('exit', (code) => reject(new Error(`the server ended with ${code}:\n${server.log}`)))
    })
    gone.catch(() => undefined)
    const listening = new Promise((resolve) => {
      const heard = (chunk) => {
        server.log += chunk
        // Its address is written before it says that it serves.
        if (/meuse is serving/.test(server.log)) resolve()
      }
      server.child.stdout.on('data', heard)
      server.child.stderr.on('data', heard)
    })
    const late = AbortSignal.timeout(STARTED_WITHIN)
    const overdue = new Promise((_, reject) => late.addEventListener('abort', () => reject(new Error(`no server:\n${server.log}`))))
    overdue.catch(() => undefined)
    await Promise.race([listening, gone, overdue])
    server.url = readFileSync(file('address'), 'utf8').trim().replace(/\/$/, '')
    server.key = readFileSync(file('admin.key'), 'utf8').trim()
    return server
  }

  /// What the API answers; throws what it refuses.
  async api(method, path, { body, key = this.key, project, type = 'application/json' } = {}) {
    const headers = { Authorization: `Bearer ${key}` }
    if (project) headers['Meuse-Project'] = project
    if (body !== undefined) headers['Content-Type'] = type
    const plain = body === undefined || typeof body === 'string' || body instanceof Uint8Array
    const response = await fetch(`${this.url}/api/v1${path}`, { method, headers, body: plain ? body : JSON.stringify(body) })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return response.headers.get('content-type')?.startsWith('application/json') ? JSON.parse(text) : text
  }

  /// The job as it ended; it must have succeeded.
  async ended(job) {
    const text = await this.api('GET', `/jobs/${job.id}/events?follow=true`)
    const { job: end } = JSON.parse(text.trim().split('\n').at(-1))
    if (end.state !== 'succeeded') throw new Error(`the job ${end.kind} of ${end.subject} ${end.state}: ${JSON.stringify(end.failure)}`)
    return end
  }

  async import(dataset, file, bytes = readFileSync(path.join(EXAMPLES, file))) {
    const type = 'application/octet-stream'
    const answer = await this.api('POST', `/datasets/${dataset}/versions?file=${encodeURIComponent(file)}`, { body: bytes, type })
    if (answer.job) await this.ended(answer.job)
  }

  async train(model, recipe) {
    return this.ended(await this.api('POST', '/jobs/train', { body: { model, recipe } }))
  }

  /// A principal of that role with a key of its own.
  async principal(name, role) {
    await this.api('POST', '/principals', { body: { name, role } })
    const { secret } = await this.api('POST', '/keys', { body: { principal: name, note: 'browser tests' } })
    return secret
  }

  /// Lines that the server logged at WARN or ERROR, but for those that the test expects.
  warnings(expected = []) {
    // A machine that stands still for some seconds makes every statement slow.
    const slow = /slow (threshold|statement)/
    const seconds = (line) => Number(/(?:elapsed|acquired_after)_secs=([0-9.]+)/.exec(line)?.[1] ?? Infinity)
    const lines = this.log.split('\n').filter((line) => /\b(WARN|ERROR)\b/.test(line) && !(slow.test(line) && seconds(line) < 10))
    return lines.filter((line) => !expected.some((pattern) => pattern.test(line)))
  }

  async stop() {
    if (this.child.exitCode === null) {
      const ended = new Promise((resolve) => this.child.once('exit', resolve))
      this.child.kill('SIGTERM')
      await ended
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}
