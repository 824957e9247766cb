// What the audit page is asked for, and the server's words for it.
import type { Query } from '../../lib/api.ts'

export const FILTERS = ['actor', 'action', 'subject', 'since', 'until'] as const

/** `since` and `until` are days as a date field has them, in the reader's time zone; both are included. */
export type Filter = Record<(typeof FILTERS)[number], string>

export function queryOf(filter: Filter): Query {
  const { actor, action, subject, since, until } = filter
  return { actor, action, subject, since: start(since, 0), until: start(until, 1) }
}

// The server takes instants: the first of the day, or of the day after.
function start(day: string, later: number): string {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day)
  if (!parts) return ''
  return new Date(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3]) + later).toISOString()
}
