// The words of the server's API, as api/openapi.json has them; only what the console uses. By room, in types/.
export type * from './types/access.ts'
export type * from './types/audit.ts'
export type * from './types/data.ts'
export type * from './types/jobs.ts'
export type * from './types/models.ts'
export type * from './types/recipes.ts'
export type * from './types/serving.ts'

/** An instant: RFC 3339 text in UTC. */
export type Micros = string

/** A page of a list; `next` is passed as `after` for what follows. */
export interface Page<T> {
  items: T[]
  next?: string | null
}

export interface ErrorBody {
  error: ErrorDetail
}

export interface ErrorDetail {
  field?: string | null
  hint?: string | null
  kind: string
  message: string
  request_id: string
}
