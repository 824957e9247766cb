// What an answer says of classes. Pure.
import type { ClassProbability, Manifest, Prediction } from '../lib/types.ts'

/** The classes with their probabilities, the likeliest first. Of two classes the API tells the second one's probability
    only, which the threshold is compared with; the first has the rest. */
export function classesOf({ classes, probability }: Prediction, { task, labels }: Manifest): ClassProbability[] {
  if (classes?.length) return classes
  const [negative, positive] = labels ?? []
  if (task !== 'binary' || negative === undefined || positive === undefined || typeof probability !== 'number') return []
  const both = [{ label: positive, probability }, { label: negative, probability: 1 - probability }]
  return both.toSorted((a, b) => b.probability - a.probability)
}
