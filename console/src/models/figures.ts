// How the figures of an evaluation are ordered and written.
import { show, t } from '../lib/i18n.svelte.ts'
import { told } from '../lib/told.ts'
import type { Evaluation, Metric } from '../lib/types.ts'

const ORDER = [
  'map_50_95', 'map_50',
  'roc_auc', 'pr_auc', 'ks', 'gini', 'log_loss', 'brier', 'accuracy', 'top_5_accuracy', 'macro_f1', 'weighted_f1',
  'precision', 'recall', 'f1',
  'rmse', 'mae', 'mape', 'r2',
  'loss', 'coverage',
]
const SMALLER_IS_BETTER = new Set(['log_loss', 'brier', 'rmse', 'mae', 'mape', 'loss'])

/// The metrics that an evaluation holds: the one that versions are chosen by first, then the usual order.
export function metricNames(evaluations: Evaluation[]): string[] {
  const names = new Set(evaluations.flatMap((one) => [...Object.keys(one.metrics), ...Object.keys(one.training)]))
  const chosen = evaluations[0]?.metric
  const place = (name: string) => (name === chosen ? -1 : ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length)
  return [...names].sort((a, b) => place(a) - place(b) || a.localeCompare(b))
}

export function largerIsBetter(metric: string): boolean {
  return !SMALLER_IS_BETTER.has(metric)
}

/// Four digits after the point for shares and losses; large figures as they are.
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined) return t('figure.none')
  return Math.abs(value) < 100 ? show.number(value, 4) : show.number(value)
}

/// The 95 % interval of a metric, or nothing when it has none.
export function interval(metric: Metric | undefined): string {
  if (metric?.low === null || metric?.low === undefined || metric.high === null || metric.high === undefined) return ''
  return `${figure(metric.low)} – ${figure(metric.high)}`
}

/// Which of the values is the best one; undefined when fewer than two are there or all are equal.
export function bestOf(values: (number | null | undefined)[], larger: boolean): number | undefined {
  const known = values.filter((value): value is number => typeof value === 'number')
  const [low, high] = [Math.min(...known), Math.max(...known)]
  if (known.length < 2 || low === high) return undefined
  return larger ? high : low
}

/// Why there is no figure, for those who ask.
export function why(metric: Metric | undefined): string | undefined {
  return metric?.undefined ? told(metric.undefined).text : undefined
}
