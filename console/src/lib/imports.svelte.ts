// Imports under way: a file is sent, its job is followed, its version is told. They go on while one looks elsewhere.
import { api, path } from './api.ts'
import { follow } from './follow.ts'
import type { DatasetVersion, ImportAnswer, Job, Progress } from './types.ts'

export interface Choices {
  format?: string
  encoding?: string
  delimiter?: string
  missing?: string[]
}

export interface Import {
  id: number
  dataset: string
  file: string
  size: number
  phase: 'sending' | 'reading' | 'done' | 'unchanged' | 'failed' | 'stopped'
  sent: number
  progress: Progress | null
  job: Job | null
  version: DatasetVersion | null
  error: unknown
}

const list = $state<Import[]>([])
const controllers = new Map<number, AbortController>()
let next = 1

export const imports = {
  get all(): Import[] {
    return list
  },
  start,
  /// Stops sending. What the server has begun to read is stopped as any job is.
  stop(id: number): void {
    controllers.get(id)?.abort()
  },
  /// For another person or project: what was under way here is none of theirs.
  forget(): void {
    for (const controller of controllers.values()) controller.abort()
    list.length = 0
  },
  dismiss(id: number): void {
    const at = list.findIndex((one) => one.id === id)
    if (at >= 0) list.splice(at, 1)
  },
}

async function start(dataset: string, file: File, choices: Choices): Promise<void> {
  const id = next++
  list.unshift({ id, dataset, file: file.name, size: file.size, phase: 'sending', sent: 0, progress: null, job: null, version: null, error: null })
  // Read back, so that changes are seen.
  const mine = list.find((one) => one.id === id)
  if (!mine) return
  const controller = new AbortController()
  controllers.set(id, controller)
  try {
    await run(mine, file, choices, controller.signal)
  } catch (failure) {
    mine.phase = controller.signal.aborted ? 'stopped' : 'failed'
    mine.error = failure
  }
  controllers.delete(id)
}

async function run(mine: Import, file: File, choices: Choices, signal: AbortSignal): Promise<void> {
  const query = { file: file.name, ...choices }
  const answer = await api.upload<ImportAnswer>(path`/datasets/${mine.dataset}/versions`, query, file, (sent) => (mine.sent = sent), signal)
  mine.sent = mine.size
  if (answer.outcome === 'unchanged') {
    mine.version = answer.version
    mine.phase = 'unchanged'
    return
  }
  mine.job = answer.job
  mine.phase = 'reading'
  const ended = await follow(
    answer.job.id,
    ({ event }) => {
      if (event.type === 'progress') mine.progress = event
    },
    signal,
  )
  mine.job = ended
  if (ended.state !== 'succeeded') {
    mine.phase = ended.state === 'cancelled' ? 'stopped' : 'failed'
    return
  }
  mine.version = await api.get<DatasetVersion>(path`/datasets/${ended.result ?? mine.dataset}/version`)
  mine.phase = 'done'
}
