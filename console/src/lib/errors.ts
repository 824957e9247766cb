// What the server says when it refuses, as a value: kind, message, the field it is about, and what to do.
import type { ErrorBody } from './types.ts'

export class ApiError extends Error {
  override name = 'ApiError'
  readonly status: number
  readonly kind: string
  readonly field: string | null
  readonly hint: string | null
  readonly requestId: string | null

  constructor(status: number, error: { kind: string; message: string; field?: string | null; hint?: string | null; request_id?: string | null }) {
    super(error.message)
    this.status = status
    this.kind = error.kind
    this.field = error.field ?? null
    this.hint = error.hint ?? null
    this.requestId = error.request_id ?? null
  }
}

/// From an answer that was not a success; its body should be an `ErrorBody`, but something between may have answered.
export function refusal(status: number, statusText: string, body: string): ApiError {
  try {
    const { error } = JSON.parse(body) as ErrorBody
    if (typeof error.message === 'string') return new ApiError(status, error)
  } catch {
    // Not ours: told by its status.
  }
  return new ApiError(status, { kind: 'unexpected', message: `${status} ${statusText}`.trim() })
}

/// What is the matter, where the field stands beside it: without the field that the server's sentence begins with.
export function reason({ message, field }: { message: string; field?: string | null }): string {
  const start = `${field}: `
  return field && message.startsWith(start) ? message.slice(start.length) : message
}

/// The server could not be reached at all.
export function unreachable(reason: unknown): ApiError {
  return new ApiError(0, { kind: 'unreachable', message: reason instanceof Error ? reason.message : String(reason) })
}
