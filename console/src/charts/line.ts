// The geometry of line charts: paths, and which point the pointer means.

/// One point of a series. `note` says more when it is read off, as in the threshold of a ROC point.
export interface Point {
  x: number
  y: number
  note?: string
}

/// One line of a chart.
export interface Series {
  /// Tells series apart across updates.
  key: string
  name: string
  points: Point[]
  /// Points are marked; for few points that were measured one by one.
  marks?: boolean
  /// A line to compare with, as the diagonal of a ROC chart: thin, without a read-off.
  reference?: boolean
  /// The place in the palette, when the series' order is not it.
  style?: number
}

/// A point that was picked: which series, and which of its points.
export interface Pick {
  series: number
  index: number
}

/// The `d` of a path through the points; a gap where a value is not finite.
export function path(points: Point[], x: (value: number) => number, y: (value: number) => number): string {
  let text = ''
  let pen = 'M'
  for (const point of points) {
    if (!Number.isFinite(point.x) || !Number.isFinite(point.y)) {
      pen = 'M'
      continue
    }
    text += `${pen}${round(x(point.x))},${round(y(point.y))}`
    pen = 'L'
  }
  return text
}

/// The point nearest to a place in pixels, over all series that can be read off; none when there are no points.
export function nearest(
  series: Series[],
  place: { x: number; y: number },
  x: (value: number) => number,
  y: (value: number) => number,
  by: 'x' | 'both' = 'both',
): Pick | undefined {
  let found: Pick | undefined
  let shortest = Infinity
  series.forEach((line, seriesIndex) => {
    if (line.reference) return
    line.points.forEach((point, index) => {
      const across = x(point.x) - place.x
      // By x alone, the height only decides between points that stand above each other.
      const up = (y(point.y) - place.y) * (by === 'x' ? 1e-3 : 1)
      const distance = across * across + up * up
      if (distance < shortest) {
        shortest = distance
        found = { series: seriesIndex, index }
      }
    })
  })
  return found
}

/// The value of a series at `x`, by the straight line between its neighbours; undefined outside of it. Where the line
/// goes straight up, the upper end counts: of a ROC curve that is the best recall at that false positive rate.
export function valueAt(points: Point[], x: number): number | undefined {
  let value: number | undefined
  const take = (candidate: number) => {
    value = value === undefined ? candidate : Math.max(value, candidate)
  }
  for (let index = 0; index < points.length; index += 1) {
    const here = points[index] as Point
    if (here.x === x) take(here.y)
    const next = points[index + 1]
    if (next && Math.min(here.x, next.x) < x && x < Math.max(here.x, next.x)) {
      take(here.y + ((x - here.x) / (next.x - here.x)) * (next.y - here.y))
    }
  }
  return value
}

/// The pick after a key: left and right walk along the line, up and down change it, Home and End jump.
export function step(series: Series[], from: Pick | undefined, key: string): Pick | undefined {
  const readable = series.map((_, index) => index).filter((index) => canBeRead(series[index]))
  if (readable.length === 0) return undefined
  if (!from) return { series: readable[0] as number, index: 0 }
  const length = (series[from.series] as Series).points.length
  switch (key) {
    case 'ArrowRight':
      return { ...from, index: Math.min(length - 1, from.index + 1) }
    case 'ArrowLeft':
      return { ...from, index: Math.max(0, from.index - 1) }
    case 'Home':
      return { ...from, index: 0 }
    case 'End':
      return { ...from, index: length - 1 }
    case 'ArrowUp':
    case 'ArrowDown':
      return neighbour(series, readable, from, key === 'ArrowDown' ? 1 : -1)
    default:
      return from
  }
}

function canBeRead(line: Series | undefined): boolean {
  return line !== undefined && !line.reference && line.points.length > 0
}

/// The same place on the next line.
function neighbour(series: Series[], readable: number[], from: Pick, by: number): Pick {
  const at = readable.indexOf(from.series)
  const next = readable[(at + by + readable.length) % readable.length] as number
  const x = ((series[from.series] as Series).points[from.index] as Point).x
  let index = 0
  const points = (series[next] as Series).points
  points.forEach((point, candidate) => {
    if (Math.abs(point.x - x) < Math.abs((points[index] as Point).x - x)) index = candidate
  })
  return { series: next, index }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
