// The confusion matrix at a threshold that the reader moves, counted from the points of the ROC curve.
//
// The server keeps at most 200 points of a curve. At a point's own threshold the counts are exact; between two points
// they are too when the points differ by one row only, because then no other probability lies between them.

/// Counts at a threshold: a row is predicted positive when its probability is at or above it.
export interface Counts {
  true_positive: number
  false_positive: number
  true_negative: number
  false_negative: number
}

/// As the API gives a point of the ROC curve.
export interface RocPoint {
  threshold?: number | null
  false_positive_rate: number
  true_positive_rate: number
}

/// Counts at one threshold that is known exactly.
export interface Stop {
  threshold: number
  counts: Counts
}

/// What is read off a confusion matrix; undefined where its denominator is zero.
export interface Rates {
  precision?: number
  recall?: number
  specificity?: number
  accuracy?: number
  f1?: number
}

/// What wrong answers cost.
export interface Costs {
  false_positive: number
  false_negative: number
}

/// The thresholds whose counts are known, lowest first. `served` is what the evaluation itself counted at the recipe's
/// threshold; it gives the sizes of the classes.
export function stops(roc: RocPoint[], served: Counts): Stop[] {
  const positives = served.true_positive + served.false_negative
  const negatives = served.false_positive + served.true_negative
  const known = roc.filter((point) => typeof point.threshold === 'number')
  const list = known.map((point) => {
    const hits = Math.round(point.true_positive_rate * positives)
    const alarms = Math.round(point.false_positive_rate * negatives)
    return { threshold: point.threshold as number, counts: counts(hits, alarms, positives, negatives) }
  })
  return list.sort((a, b) => a.threshold - b.threshold)
}

function counts(hits: number, alarms: number, positives: number, negatives: number): Counts {
  return {
    true_positive: hits,
    false_positive: alarms,
    true_negative: negatives - alarms,
    false_negative: positives - hits,
  }
}

/// Counts at any threshold, and whether they are exact: of the lowest stop at or above it.
export function at(list: Stop[], threshold: number): { counts: Counts; exact: boolean; from: number } | undefined {
  const highest = list[list.length - 1]
  if (!highest) return undefined
  const index = list.findIndex((stop) => stop.threshold >= threshold)
  if (index < 0) {
    // Above every stop. The highest is the highest probability of all, since the curve's ends are always kept.
    const { true_positive, false_positive, true_negative, false_negative } = highest.counts
    const none = counts(0, 0, true_positive + false_negative, false_positive + true_negative)
    return { counts: none, exact: true, from: threshold }
  }
  const stop = list[index] as Stop
  const below = list[index - 1]
  const exact = stop.threshold === threshold || !below || rows(below.counts) - rows(stop.counts) <= 1
  return { counts: stop.counts, exact, from: stop.threshold }
}

/// Rows predicted positive.
function rows(counts: Counts): number {
  return counts.true_positive + counts.false_positive
}

/// The stop nearest to a threshold.
export function nearestStop(list: Stop[], threshold: number): Stop | undefined {
  let best: Stop | undefined
  for (const stop of list) {
    if (!best || Math.abs(stop.threshold - threshold) < Math.abs(best.threshold - threshold)) best = stop
  }
  return best
}

export function rates(c: Counts): Rates {
  const share = (part: number, whole: number) => (whole > 0 ? part / whole : undefined)
  const { true_positive: tp, false_positive: fp, true_negative: tn, false_negative: fn } = c
  return {
    precision: share(tp, tp + fp),
    recall: share(tp, tp + fn),
    specificity: share(tn, tn + fp),
    accuracy: share(tp + tn, tp + tn + fp + fn),
    f1: share(2 * tp, 2 * tp + fp + fn),
  }
}

export function cost(c: Counts, costs: Costs): number {
  return c.false_positive * costs.false_positive + c.false_negative * costs.false_negative
}

/// The stop that costs least; of equals the highest, which raises the fewest alarms.
export function cheapest(list: Stop[], costs: Costs): Stop | undefined {
  let best: Stop | undefined
  for (const stop of list) {
    if (!best || cost(stop.counts, costs) <= cost(best.counts, costs)) best = stop
  }
  return best
}
