// The curves of an evaluation as series of the charts. Thresholds go along as notes, so that they are read off too.
import type { Series } from '../charts/line.ts'
import { show, t } from '../lib/i18n.svelte.ts'
import type { Curves } from '../lib/types.ts'

/// One version's curves, under the name that its lines get.
export interface Named {
  key: string
  name: string
  curves: Curves
}

function threshold(value: number | null | undefined): string | undefined {
  return typeof value === 'number' ? t('curve.at_threshold', { threshold: show.number(value, 4) }) : undefined
}

export function roc(all: Named[]): Series[] {
  const lines = all.map(({ key, name, curves }, style) => ({
    key,
    name,
    style,
    points: curves.roc.map((point) => ({
      x: point.false_positive_rate,
      y: point.true_positive_rate,
      note: threshold(point.threshold),
    })),
  }))
  return [...lines, diagonal(t('curve.chance'))]
}

export function precisionRecall(all: Named[], shareOfPositives: number | undefined): Series[] {
  const lines = all.map(({ key, name, curves }, style) => ({
    key,
    name,
    style,
    points: curves.precision_recall.map((point) => ({ x: point.recall, y: point.precision, note: threshold(point.threshold) })),
  }))
  if (shareOfPositives === undefined) return lines
  const level = [{ x: 0, y: shareOfPositives }, { x: 1, y: shareOfPositives }]
  return [...lines, { key: 'chance', name: t('curve.chance'), points: level, reference: true }]
}

export function calibration(all: Named[]): Series[] {
  const lines = all.map(({ key, name, curves }, style) => ({
    key,
    name,
    style,
    marks: true,
    points: curves.calibration.map((point) => ({
      x: point.predicted,
      y: point.observed,
      note: t('curve.rows_in_bin', { count: point.count }),
    })),
  }))
  return [...lines, diagonal(t('curve.perfect'))]
}

/// Both classes' cumulative shares of one version.
export function ks(curves: Curves, labels: readonly string[]): Series[] {
  const share = (pick: 'negatives_below' | 'positives_below') =>
    curves.ks.map((point) => ({ x: point.threshold, y: point[pick] }))
  return [
    { key: 'negatives', name: labels[0] ?? t('curve.negatives'), points: share('negatives_below') },
    { key: 'positives', name: labels[1] ?? t('curve.positives'), points: share('positives_below') },
  ]
}

/// The distance between the classes, for versions side by side.
export function ksDistance(all: Named[]): Series[] {
  return all.map(({ key, name, curves }, style) => ({
    key,
    name,
    style,
    points: curves.ks.map((point) => ({ x: point.threshold, y: Math.abs(point.negatives_below - point.positives_below) })),
  }))
}

/// Where the classes lie farthest apart.
export function widest(curves: Curves): { threshold: number; distance: number } | undefined {
  let found: { threshold: number; distance: number } | undefined
  for (const point of curves.ks) {
    const distance = Math.abs(point.negatives_below - point.positives_below)
    if (!found || distance > found.distance) found = { threshold: point.threshold, distance }
  }
  return found
}

function diagonal(name: string): Series {
  return { key: 'reference', name, points: [{ x: 0, y: 0 }, { x: 1, y: 1 }], reference: true }
}
