// Numbers, dates, sizes, durations and names of languages, by locale. Pure, so that the tests call them as they are.

const made = new Map<string, Intl.NumberFormat>()

function numbers(locale: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = locale + JSON.stringify(options)
  let format = made.get(key)
  if (!format) made.set(key, (format = new Intl.NumberFormat(locale, options)))
  return format
}

/// With `digits`, exactly so many after the point; without, at most four significant ones for fractions.
export function number(value: number, locale: string, digits?: number): string {
  if (digits !== undefined) {
    return numbers(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value)
  }
  if (Number.isInteger(value)) return numbers(locale, {}).format(value)
  const size = Math.abs(value)
  if (size >= 1000) return numbers(locale, { maximumFractionDigits: 1 }).format(value)
  if (size < 1e-4) return numbers(locale, { notation: 'scientific', maximumSignificantDigits: 3 }).format(value)
  return numbers(locale, { maximumSignificantDigits: 4 }).format(value)
}

export function percent(share: number, locale: string, digits = 1): string {
  const rounded = Number((share * 100).toFixed(digits))
  const least = Number.isInteger(rounded) ? 0 : digits
  return numbers(locale, { style: 'percent', minimumFractionDigits: least, maximumFractionDigits: digits }).format(share)
}

const SIZES = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const

export function bytes(count: number, locale: string): string {
  let size = 0
  let value = count
  while (value >= 999.5 && size < SIZES.length - 1) {
    value /= 1000
    size++
  }
  const options = { style: 'unit', unit: SIZES[size], unitDisplay: size === 0 ? 'long' : 'short' } as const
  return numbers(locale, { ...options, maximumFractionDigits: value >= 100 || size === 0 ? 0 : 1 }).format(value)
}

export function duration(milliseconds: number, locale: string): string {
  const unit = (value: number, name: string, digits = 0) =>
    numbers(locale, { style: 'unit', unit: name, unitDisplay: 'short', maximumFractionDigits: digits }).format(value)
  if (milliseconds < 10) return unit(milliseconds, 'millisecond', 2)
  if (milliseconds < 1000) return unit(milliseconds, 'millisecond')
  const seconds = milliseconds / 1000
  if (seconds < 60) return unit(seconds, 'second', seconds < 10 ? 1 : 0)
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${unit(minutes, 'minute')} ${unit(Math.floor(seconds % 60), 'second')}`
  return `${unit(Math.floor(minutes / 60), 'hour')} ${unit(minutes % 60, 'minute')}`
}

/// Date and time to the second, in the viewer's own time zone.
export function date(instant: string, locale: string): string {
  return new Date(instant).toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'medium' })
}

export function day(instant: string, locale: string): string {
  return new Date(instant).toLocaleDateString(locale, { dateStyle: 'medium' })
}

export function clock(instant: string, locale: string): string {
  return new Date(instant).toLocaleTimeString(locale, { timeStyle: 'medium', hour12: false })
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]

/// "5 minutes ago", "in 3 days"; within a minute, "now".
export function relative(instant: string, now: number, locale: string): string {
  const seconds = (Date.parse(instant) - now) / 1000
  const format = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'short' })
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return format.format(Math.round(seconds / length), unit)
  }
  return format.format(0, 'second')
}

/// The name of a language by its code in ISO 639: "Chinese" of `zh` and of `cmn`; the code itself where the browser has none.
export function languageName(code: string, locale: string): string {
  return new Intl.DisplayNames([locale], { type: 'language' }).of(code) ?? code
}
