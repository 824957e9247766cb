// The words of the API about models, how good they are and what explains them.
import type { Micros } from '../types.ts'
import type { ColumnType, DatasetIdentity } from './data.ts'

export interface Bootstrap {
  resamples: number
  seed: number
}

export interface CalibrationPoint {
  count: number
  observed: number
  predicted: number
}

/** How well the boxes of one class are found. */
export interface BoxFigures {
  ap_50?: number | null
  ap_50_95?: number | null
  label: string
  precision?: number | null
  recall?: number | null
  support: number
  told: number
}

export interface Detected {
  figures: BoxFigures[]
  score_threshold: number
}

export interface Detector {
  columns: number
  iou_threshold: number
  most_boxes: number
  rows: number
  score_threshold: number
}

/** How one class of several was told. */
export interface ClassFigures {
  f1?: number | null
  label: string
  precision?: number | null
  recall?: number | null
  support: number
}

/** What is counted by class on the test part; rows of `confusion` are the truth, columns what was predicted. */
export interface ClassReport {
  confusion: number[][]
  figures: ClassFigures[]
  labels: string[]
}

export interface Coefficient {
  feature: string
  value: number
}

export interface ComparedVersion {
  algorithm: string
  evaluation: Evaluation
  name: string
}

export interface Comparison {
  best?: string | null
  larger_is_better: boolean
  metric: string
  notes: string[]
  versions: ComparedVersion[]
}

export interface Confusion {
  false_negative: number
  false_positive: number
  threshold: number
  true_negative: number
  true_positive: number
}

export interface Curves {
  calibration: CalibrationPoint[]
  ks: KsPoint[]
  precision_recall: PrecisionRecallPoint[]
  roc: RocPoint[]
}

export interface Evaluation {
  bootstrap?: Bootstrap | null
  classes?: ClassReport | null
  confusion?: Confusion | null
  curves?: Curves | null
  detection?: Detected | null
  larger_is_better: boolean
  metric: string
  metrics: Record<string, Metric>
  mistakes?: Mistake[]
  rows: Record<string, number>
  training: Record<string, Metric>
  validation?: Validation | null
  warnings?: string[]
}

export interface Explanation {
  coefficients?: Coefficient[]
  gains?: Gain[]
  scorecard?: Scorecard | null
}

export interface Gain {
  feature: string
  gain: number
  splits: number
}

export interface Input {
  allowed?: string[] | null
  example: unknown
  missing: string
  name: string
  required?: boolean
  type: ColumnType
  unknown?: string
}

export interface KsPoint {
  negatives_below: number
  positives_below: number
  threshold: number
}

export interface LeftOut {
  column: string
  reason: string
}

export interface Lineage {
  dataset: DatasetIdentity
  finished_at: Micros
  hardware: string
  operator: string
  recipe: string
  recipe_sha256: string
  seed: number
  software: string[]
  started_from?: StartedFrom[]
  started_at: Micros
}

export interface Manifest {
  algorithm: string
  detector?: Detector | null
  features: number
  ignored?: string[]
  inputs: Input[]
  kind: 'onnx'
  labels?: string[] | null
  left_out?: LeftOut[]
  lineage: Lineage
  notes?: string[]
  schema_version: number
  target: string
  task: Task
  threshold?: number | null
  vectors?: VectorTable | null
}

export interface Metric {
  high?: number | null
  low?: number | null
  undefined?: string | null
  value?: number | null
}

/** A row that the model is sure of and wrong about. */
export interface Mistake {
  predicted: string
  probability: number
  row: number
  text?: string | null
  truth: string
}

export interface Model {
  aliases: Record<string, number>
  created_at: Micros
  name: string
  route?: Route | null
  versions: VersionSummary[]
}

export interface ModelVersion {
  aliases: string[]
  created_at: Micros
  created_by: string
  digest: string
  evaluation: Evaluation
  explanation: Explanation
  files: Record<string, string>
  job: string
  manifest: Manifest
  model: string
  serving: boolean
  version: number
}

export interface PrecisionRecallPoint {
  precision: number
  recall: number
  threshold?: number | null
}

export interface RocPoint {
  false_positive_rate: number
  threshold?: number | null
  true_positive_rate: number
}

export interface Route {
  action: string
  at: Micros
  by: string
  number: number
  reason: string
  version: number
}

export interface Scorecard {
  base_odds: number
  base_points: number
  base_score: number
  columns: ScorecardColumn[]
  points_to_double_odds: number
}

export interface ScorecardBin {
  count: number
  label: string
  points: number
  positives: number
  woe: number
}

export interface ScorecardColumn {
  bins: ScorecardBin[]
  coefficient: number
  column: string
  information_value: number
}

export interface StartedFrom {
  digest: string
  model: string
  version: number
}

export type Task = 'binary' | 'multiclass' | 'regression' | 'detection' | 'embedding'

export interface Validation {
  metrics: Record<string, Metric>
  source: string
}

export interface VectorTable {
  dimensions: number
  words: number
}

export interface VersionSummary {
  algorithm: string
  created_at: Micros
  created_by: string
  metric: string
  task: Task
  test?: number | null
  validation?: number | null
  version: number
}
