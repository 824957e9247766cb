// The geometry of bar charts and histograms.

import { linear, niceDomain, ticks } from './scale.ts'

/// One bar. `detail` says more when it is read off.
export interface Bar {
  label: string
  value: number
  detail?: string
}

/// A bar of a histogram, in pixels.
export interface Column {
  x: number
  y: number
  width: number
  height: number
  from: number
  to: number
  count: number
}

/// The columns of a histogram: one between each edge and the next, as high as its count.
export function columns(edges: number[], counts: number[], width: number, height: number): Column[] {
  if (edges.length !== counts.length + 1 || counts.length === 0) return []
  const x = linear([edges[0] as number, edges[edges.length - 1] as number], [0, width])
  const y = linear([0, niceDomain(0, Math.max(...counts, 1), 4)[1]], [height, 0])
  return counts.map((count, index) => {
    const [from, to] = [edges[index] as number, edges[index + 1] as number]
    const top = y(count)
    // A value that occurs stays visible, however rare.
    const shown = count > 0 ? Math.max(1.5, height - top) : 0
    return { x: x(from), y: height - shown, width: Math.max(1, x(to) - x(from)), height: shown, from, to, count }
  })
}

/// Round numbers for an axis from zero.
export function axisFromZero(largest: number, count = 4): { domain: [number, number]; values: number[] } {
  const domain = niceDomain(0, largest > 0 ? largest : 1, count)
  return { domain, values: ticks(domain[0], domain[1], count) }
}

/// A label that fits: cut in the middle, because columns' names often differ at their ends.
export function shorten(label: string, most: number): string {
  if (label.length <= most) return label
  const head = Math.ceil((most - 1) * 0.6)
  return `${label.slice(0, head)}…${label.slice(label.length - (most - 1 - head))}`
}

/// The bar that a key leads to; nothing for other keys, and where there are no bars.
export function walk(key: string, at: number | undefined, count: number): number | undefined {
  if (count === 0) return undefined
  const last = count - 1
  switch (key) {
    case 'ArrowRight':
    case 'ArrowDown':
      return Math.min(last, (at ?? -1) + 1)
    case 'ArrowLeft':
    case 'ArrowUp':
      return Math.max(0, (at ?? count) - 1)
    case 'Home':
      return 0
    case 'End':
      return last
    default:
      return undefined
  }
}
