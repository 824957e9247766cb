// A time line: round instants for its axis, and which span of time belongs to which row.

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const STEPS = [
  SECOND, 2 * SECOND, 5 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 91 * DAY, 182 * DAY, 365 * DAY,
]

/// Something that was so from an instant on, until the next one began.
export interface Stretch {
  row: string
  from: number
  to: number
  /// Read off, besides the times.
  note: string
}

/// Round instants between two, at most `count` of them, in the reader's own time zone.
export function timeTicks(from: number, to: number, count: number): { step: number; values: number[] } {
  const span = to - from
  const step = STEPS.find((candidate) => span / candidate <= count) ?? Math.ceil(span / count / (365 * DAY)) * 365 * DAY
  // Days begin at the reader's midnight, not at UTC's.
  const shift = step >= HOUR ? new Date(from).getTimezoneOffset() * MINUTE : 0
  const values: number[] = []
  for (let at = Math.ceil((from - shift) / step) * step + shift; at <= to; at += step) values.push(at)
  return { step, values }
}

/// How an instant is written on an axis of that step.
export function timeFormat(step: number, locale: string): (instant: number) => string {
  const options: Intl.DateTimeFormatOptions =
    step < MINUTE
      ? { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false }
      : step < DAY
        ? { month: 'numeric', day: 'numeric', hour: '2-digit', minute: '2-digit', hour12: false }
        : step < 300 * DAY
          ? { month: 'short', day: 'numeric' }
          : { year: 'numeric' }
  const format = new Intl.DateTimeFormat(locale, options)
  return (instant) => format.format(instant)
}

/// A list of beginnings, oldest first, as stretches: each lasts until the next one, the last until now.
export function stretches<T>(
  beginnings: T[],
  at: (one: T) => number,
  row: (one: T) => string,
  note: (one: T) => string,
  now: number,
): Stretch[] {
  return beginnings.map((one, index) => {
    const next = beginnings[index + 1]
    const from = at(one)
    return { row: row(one), from, to: Math.max(from, next === undefined ? now : at(next)), note: note(one) }
  })
}
