// From numbers to pixels and to words: scales, round tick values, and their text in the reader's locale.
//
// Pure functions; the chart components draw what these say.

/// A linear mapping from a domain of numbers to a range of pixels.
export interface Scale {
  (value: number): number
  /// The number at a pixel.
  invert(pixel: number): number
  domain: [number, number]
  range: [number, number]
}

/// A linear scale. A domain without width maps everything to the middle of the range.
export function linear(domain: [number, number], range: [number, number]): Scale {
  const [from, to] = domain
  const [start, end] = range
  const span = to - from
  const scale = (value: number) =>
    span === 0 ? (start + end) / 2 : start + ((value - from) / span) * (end - start)
  const invert = (pixel: number) =>
    end === start ? from : from + ((pixel - start) / (end - start)) * span
  return Object.assign(scale, { invert, domain, range })
}

/// The round step (1, 2 or 5 times a power of ten) that cuts a span into about `count` parts.
export function niceStep(span: number, count: number): number {
  if (!(span > 0) || !Number.isFinite(span)) return 1
  const rough = span / Math.max(1, count)
  const power = 10 ** Math.floor(Math.log10(rough))
  const ratio = rough / power
  // The thresholds are the geometric means between 1, 2, 5 and 10.
  const factor = ratio < Math.SQRT2 ? 1 : ratio < Math.sqrt(10) ? 2 : ratio < Math.sqrt(50) ? 5 : 10
  return factor * power
}

/// Multiples of a round step within [min, max], ascending.
export function ticks(min: number, max: number, count = 5): number[] {
  if (!Number.isFinite(min) || !Number.isFinite(max) || max < min) return []
  if (min === max) return [min]
  const step = niceStep(max - min, count)
  const first = Math.ceil(min / step - 1e-9)
  const last = Math.floor(max / step + 1e-9)
  const values: number[] = []
  for (let index = first; index <= last; index += 1) values.push(exact(index * step, step))
  return values
}

/// The domain widened to multiples of a round step; one value alone gets a neighbourhood.
export function niceDomain(min: number, max: number, count = 5): [number, number] {
  if (!Number.isFinite(min) || !Number.isFinite(max)) return [0, 1]
  if (min === max) {
    const reach = min === 0 ? 1 : Math.abs(min) * 0.1
    return niceDomain(min - reach, max + reach, count)
  }
  const step = niceStep(max - min, count)
  return [exact(Math.floor(min / step + 1e-9) * step, step), exact(Math.ceil(max / step - 1e-9) * step, step)]
}

/// Smallest and largest finite value; [0, 1] when there is none.
export function extent(values: Iterable<number>): [number, number] {
  let [min, max] = [Infinity, -Infinity]
  for (const value of values) {
    if (!Number.isFinite(value)) continue
    min = Math.min(min, value)
    max = Math.max(max, value)
  }
  return min <= max ? [min, max] : [0, 1]
}

/// Digits after the point that a multiple of `step` needs.
export function fractionDigits(step: number): number {
  if (!(step > 0)) return 0
  return Math.min(20, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)))
}

/// How axis labels are written: as many digits as the step needs, large and tiny numbers shortened.
export function tickFormat(values: number[], locale: string): (value: number) => string {
  const largest = Math.max(0, ...values.map(Math.abs))
  const step = values.length > 1 ? Math.abs((values[1] as number) - (values[0] as number)) : largest
  if (largest >= 1e5) return formatter(locale, { notation: 'compact', maximumSignificantDigits: 3 })
  if (step > 0 && step < 1e-4) return formatter(locale, { notation: 'scientific', maximumSignificantDigits: 3 })
  const digits = fractionDigits(step)
  return formatter(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/// How a value that was read off is written: four significant digits, whole numbers whole.
export function valueFormat(locale: string): (value: number) => string {
  const whole = formatter(locale, { maximumFractionDigits: 0 })
  const precise = formatter(locale, { maximumSignificantDigits: 4 })
  return (value) => (Number.isInteger(value) ? whole(value) : precise(value))
}

function formatter(locale: string, options: Intl.NumberFormatOptions): (value: number) => string {
  const format = new Intl.NumberFormat(locale, options)
  return (value) => format.format(value === 0 ? 0 : value)
}

/// A multiple of `step` without the noise of binary fractions, as in 0.30000000000000004.
function exact(value: number, step: number): number {
  return Number(value.toFixed(fractionDigits(step)))
}
