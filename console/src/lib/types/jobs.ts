// The words of the API about jobs and what they tell.
import type { Micros } from '../types.ts'

export type Event = EventKind & { at: Micros }

export type EventKind =
  | { type: 'heartbeat' }
  | { done: number; stage: string; total: number; type: 'progress' }
  | { name: string; part: string; step: number; type: 'metric'; value: number }
  | { level: Level; message: string; type: 'log' }
  | { type: 'done' }
  | (Failure & { type: 'failed' })

export type EventLine =
  | { attempt: number; event: Event; line: 'event'; number: number }
  | { job: Job; line: 'end' }

export interface Failure {
  field?: string
  hint?: string
  message: string
}

export interface Job {
  attempts: number
  cancel_requested: boolean
  created_at: Micros
  created_by: string
  failure?: Failure | null
  finished_at?: Micros | null
  id: string
  kind: string
  progress?: Progress | null
  result?: string | null
  started_at?: Micros | null
  state: JobState
  subject: string
}

export type JobState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'

export type Level = 'info' | 'warning'

export interface Progress {
  done: number
  stage: string
  total: number
}
