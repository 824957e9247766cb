// What a person most likely wants, from the columns of a data set: filled in before anything is asked. Pure.
import type { ColumnProfile, ColumnSchema, Profile } from '../lib/types.ts'

const TARGET_NAMES = /^(target|label|class|outcome|y|default(ed)?|churn(ed)?|bad|fraud|creditability|目标|标签|违约|逾期)$/i
const TRAINING = /^train/i
const TEST = /^(test|holdout|hold-out)/i
const OTHER = /^(valid|dev|eval)/i

/// The column to predict: that of the boxes where pictures have some, one with a telling name, else the last one that a model can predict.
export function likelyTarget(columns: ColumnSchema[], profile: Profile | undefined): string | undefined {
  const boxes = columns.find((column) => column.type === 'boxes' && (column.categories?.length ?? 0) > 0)
  if (boxes) return boxes.name
  const named = columns.find((column) => TARGET_NAMES.test(column.name))
  if (named) return named.name
  const predictable = columns.findLast((column) => isPredictable(column, profile?.columns.find((one) => one.name === column.name)))
  if (predictable) return predictable.name
  // Several classes, told by texts: the last column that has some and names no parts.
  const parts = splitColumns(columns)
  return columns.findLast(({ name, categories }) => categories && categories.length > 2 && !parts.includes(name))?.name
}

/// Two values, or a number: what every algorithm can predict. Of the rest networks tell several classes apart.
export function isPredictable(column: ColumnSchema, profile: ColumnProfile | undefined): boolean {
  if (profile) return profile.distinct === 2 || (profile.distinct > 2 && (column.type === 'integer' || column.type === 'number'))
  return column.categories?.length === 2 || column.type === 'integer' || column.type === 'number' || column.type === 'boolean'
}

/// A column that holds nothing but the names of parts, the training and the test part among them.
export function splitColumns(columns: ColumnSchema[]): string[] {
  return columns
    .filter(({ categories }) => {
      if (!categories || categories.length < 2 || categories.length > 3) return false
      const all = categories.every((one) => TRAINING.test(one) || TEST.test(one) || OTHER.test(one))
      return all && categories.some((one) => TRAINING.test(one)) && categories.some((one) => TEST.test(one))
    })
    .map((column) => column.name)
}

/// The two values of a target, the rarer one first, which is the positive one unless someone says otherwise.
export function classes(target: string, profile: Profile | undefined): string[] {
  const column = profile?.columns.find((one) => one.name === target)
  if (!column || column.distinct !== 2 || column.type === 'boxes') return []
  return [...column.frequent].sort((a, b) => a.count - b.count).map((one) => one.value)
}

/// Whether a target is one of several classes, told by texts.
export function isMulticlass(target: string, columns: ColumnSchema[], profile: Profile | undefined): boolean {
  const column = columns.find((one) => one.name === target)
  const distinct = profile?.columns.find((one) => one.name === target)?.distinct ?? column?.categories?.length ?? 0
  return column?.type === 'text' && distinct > 2
}

/// The algorithms that fit a target. Pictures, and several classes, are for networks alone.
export function algorithms(isBinary: boolean, isForNetworks = false): string[] {
  if (isForNetworks) return ['network']
  return isBinary ? ['lightgbm', 'scorecard', 'logistic_regression', 'network'] : ['lightgbm', 'linear_regression', 'network']
}

/// A name for the model: of the data set and the algorithm.
export function modelName(dataset: string, algorithm: string): string {
  const short: Record<string, string> = {
    lightgbm: 'trees',
    scorecard: 'scorecard',
    logistic_regression: 'logistic',
    linear_regression: 'linear',
  }
  return `${dataset}-${short[algorithm] ?? algorithm}`
}
