// The classes of a task with several: their confusion matrix as it is shown, what is confused most, figures in order.
// Pure.
import type { ClassFigures, ClassReport } from '../lib/types.ts'

/// More than this no reader takes in at once.
export const MOST_CLASSES = 30

/// One place of the matrix; the share is of all test rows of that truth, and null where there is none.
export interface Cell {
  count: number
  share: number | null
}

/// A matrix of some of the classes, in their own order.
export interface Matrix {
  labels: string[]
  rows: { label: string; total: number; cells: Cell[] }[]
  /// How many classes are not shown.
  left: number
}

/// The matrix as it is shown: of more than `most` classes, those with the most wrong answers, given or got.
export function matrix({ labels, confusion }: ClassReport, most = MOST_CLASSES): Matrix {
  const count = (truth: number, predicted: number) => confusion[truth]?.[predicted] ?? 0
  const total = (truth: number) => (confusion[truth] ?? []).reduce((sum, one) => sum + one, 0)
  const all = labels.map((_, at) => at)
  const wrong = new Map<number, number>()
  if (all.length > most) {
    for (const truth of all) {
      for (const predicted of all) {
        if (truth === predicted) continue
        for (const at of [truth, predicted]) wrong.set(at, (wrong.get(at) ?? 0) + count(truth, predicted))
      }
    }
  }
  const weightiest = all.toSorted((a, b) => (wrong.get(b) ?? 0) - (wrong.get(a) ?? 0) || a - b)
  const shown = weightiest.slice(0, most).sort((a, b) => a - b)
  const name = (at: number) => labels[at] ?? ''
  const rows = shown.map((truth) => {
    const whole = total(truth)
    const cells = shown.map((predicted) => ({ count: count(truth, predicted), share: whole > 0 ? count(truth, predicted) / whole : null }))
    return { label: name(truth), total: whole, cells }
  })
  return { labels: shown.map(name), rows, left: all.length - shown.length }
}

/// Rows of one class that were taken for another.
export interface Confused {
  truth: string
  predicted: string
  count: number
  share: number
}

/// What is taken for what most often.
export function confused({ labels, confusion }: ClassReport, most = 10): Confused[] {
  const found: Confused[] = []
  confusion.forEach((row, truth) => {
    const total = row.reduce((sum, one) => sum + one, 0)
    row.forEach((count, predicted) => {
      if (truth === predicted || count === 0) return
      found.push({ truth: labels[truth] ?? '', predicted: labels[predicted] ?? '', count, share: count / total })
    })
  })
  return found.sort((a, b) => b.count - a.count || b.share - a.share).slice(0, most)
}

/// The cell that a key leads to, from row and column; nothing for other keys.
export function walkCells(key: string, [row, column]: [number, number], size: number): [number, number] | undefined {
  const last = size - 1
  const within = (at: number) => Math.min(last, Math.max(0, at))
  switch (key) {
    case 'ArrowUp':
      return [within(row - 1), column]
    case 'ArrowDown':
      return [within(row + 1), column]
    case 'ArrowLeft':
      return [row, within(column - 1)]
    case 'ArrowRight':
      return [row, within(column + 1)]
    case 'Home':
      return [row, 0]
    case 'End':
      return [row, last]
    case 'PageUp':
      return [0, column]
    case 'PageDown':
      return [last, column]
    default:
      return undefined
  }
}

export type FigureColumn = 'label' | 'support' | 'precision' | 'recall' | 'f1'

/// The figures in the order of a column; a figure that is undefined comes last either way.
export function sortFigures(figures: ClassFigures[], by: FigureColumn, ascending: boolean): ClassFigures[] {
  const sign = ascending ? 1 : -1
  return figures.toSorted((a, b) => {
    if (by === 'label') return sign * a.label.localeCompare(b.label, undefined, { numeric: true })
    const [left, right] = [a[by] ?? null, b[by] ?? null]
    if (left === null || right === null) return Number(left === null) - Number(right === null)
    return sign * (left - right)
  })
}
