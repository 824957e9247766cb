// The words of the API about what answers, and its answers.
import type { Micros } from '../types.ts'
import type { Job } from './jobs.ts'
import type { Task } from './models.ts'

export interface Serving {
  model: string
  version: number
  since: Micros
  by: string
  task: Task
  calls: number
  errors: number
  p50_ms: number | null
  p99_ms: number | null
  rows: number
}

export interface Attention {
  kind: string
  subject: string
  at?: Micros | null
  message: string
  data: Record<string, unknown>
}

export interface Overview {
  serving: Serving[]
  running: Job[]
  attention: Attention[]
  counts: { datasets: number; models: number; jobs: number }
}

export interface ClassProbability {
  label: string
  probability: number
}

export interface Neighbour {
  similarity: number
  word: string
}

export interface Neighbours {
  model: string
  neighbours: Neighbour[]
  version: number
  word: string
}

export interface Note {
  field: string
  kind: NoteKind
  message: string
}

export type NoteKind = 'missing' | 'unknown_category' | 'unknown_text'

export interface PredictResponse {
  model: string
  predictions: Prediction[]
  request_id: string
  timings_ms: Timings
  version: number
}

/** A box around a thing that was found: left, top, width, height in pixels of the picture that was sent. */
export interface FoundBox {
  box: [number, number, number, number]
  label: string
  score: number
}

export interface Prediction {
  /** Of a detection; an empty list when nothing was found. */
  boxes?: FoundBox[] | null
  classes?: ClassProbability[] | null
  embedding?: number[]
  label?: string | null
  notes?: Note[]
  points?: number | null
  probability?: number | null
  value?: number | null
}

export interface Timings {
  compute: number
  post: number
  prep: number
  queue: number
  total: number
}
