// The words of the server's API, as api/openapi.json has them; only what the console uses.

/** An instant: RFC 3339 text in UTC. */
export type Micros = string

/** A page of a list; `next` is passed as `after` for what follows. */
export interface Page<T> {
  items: T[]
  next?: string | null
}

/** What a person may do in a project: the words of the permission table. */
export type Action =
  | 'read_data'
  | 'export_data'
  | 'check_recipe'
  | 'read_jobs'
  | 'read_models'
  | 'predict'
  | 'read_metrics'
  | 'manage_own_keys'
  | 'import_data'
  | 'train'
  | 'cancel_job'
  | 'deploy'
  | 'set_alias'
  | 'delete_model'
  | 'manage_principals'
  | 'manage_keys'
  | 'create_project'
  | 'read_audit'

export interface Session {
  me: Me
  projects: Project[]
  csrf: string
  expires_at: Micros
}

export interface Serving {
  model: string
  version: number
  since: Micros
  by: string
  task: Task
  calls: number
  errors: number
  p50_ms: number | null
  p99_ms: number | null
  rows: number
}

export interface Attention {
  kind: string
  subject: string
  at?: Micros | null
  message: string
  data: Record<string, unknown>
}

export interface Overview {
  serving: Serving[]
  running: Job[]
  attention: Attention[]
  counts: { datasets: number; models: number; jobs: number }
}

export interface AuditEntry {
  action: string
  actor: string
  at: Micros
  details: unknown
  mac: string
  project: string
  seq: number
  subject: string
}

export interface AuditFinding {
  kind: string
  message: string
  seq: number
}

export interface AuditVerification {
  entries: number
  findings: AuditFinding[]
  intact: boolean
}

export interface Bootstrap {
  resamples: number
  seed: number
}

export interface CalibrationPoint {
  count: number
  observed: number
  predicted: number
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

export interface ClassProbability {
  label: string
  probability: number
}

export interface Coefficient {
  feature: string
  value: number
}

export interface ColumnProfile {
  distinct: number
  frequent: Frequency[]
  missing: number
  name: string
  numeric?: NumericProfile | null
  range?: string[] | null
  text?: TextProfile | null
  type: ColumnType
}

export interface ColumnSchema {
  categories?: string[] | null
  name: string
  nullable: boolean
  type: ColumnType
}

export type ColumnType = 'integer' | 'number' | 'boolean' | 'text' | 'date' | 'timestamp' | 'image'

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

/** Equal texts with different values of another column. */
export interface Contradiction {
  column: string
  rows: number
  texts: number
}

export interface CreatedKey {
  key: Key
  secret: string
}

export interface Curves {
  calibration: CalibrationPoint[]
  ks: KsPoint[]
  precision_recall: PrecisionRecallPoint[]
  roc: RocPoint[]
}

export interface Dataset {
  created_at: Micros
  latest?: DatasetVersion | null
  name: string
}

export interface DatasetIdentity {
  name: string
  sha256: string
  version: number
}

export interface DatasetVersion {
  bytes: number
  created_at: Micros
  created_by: string
  dataset: string
  rows: number
  schema: Schema
  sha256: string
  source: Source
  version: number
}

export type Encoding = 'utf-8' | 'gb18030'

export interface ErrorBody {
  error: ErrorDetail
}

export interface ErrorDetail {
  field?: string | null
  hint?: string | null
  kind: string
  message: string
  request_id: string
}

export interface Evaluation {
  bootstrap?: Bootstrap | null
  classes?: ClassReport | null
  confusion?: Confusion | null
  curves?: Curves | null
  larger_is_better: boolean
  metric: string
  metrics: Record<string, Metric>
  mistakes?: Mistake[]
  rows: Record<string, number>
  training: Record<string, Metric>
  validation?: Validation | null
}

export type Event = EventKind & { at: Micros }

export type EventKind =
  | { type: 'heartbeat' }
  | { done: number; stage: string; total: number; type: 'progress' }
  | { name: string; part: string; step: number; type: 'metric'; value: number }
  | { level: Level; message: string; type: 'log' }
  | { type: 'done' }
  | (Failure & { type: 'failed' })

export type EventLine =
  | { attempt: number; event: Event; line: 'event'; number: number }
  | { job: Job; line: 'end' }

export interface Explanation {
  coefficients?: Coefficient[]
  gains?: Gain[]
  scorecard?: Scorecard | null
}

export interface Failure {
  field?: string
  hint?: string
  message: string
}

export type FileFormat = 'csv' | 'parquet' | 'images' | 'jsonl'

export interface Frequency {
  count: number
  value: string
}

export interface Gain {
  feature: string
  gain: number
  splits: number
}

export interface Histogram {
  counts: number[]
  edges: number[]
}

export type ImportAnswer =
  | { job: Job; outcome: 'started' }
  | { outcome: 'unchanged'; version: DatasetVersion }

export interface ImportOptions {
  delimiter?: string | null
  encoding?: Encoding | null
  format?: FileFormat | null
  missing?: string[]
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

export interface Job {
  attempts: number
  cancel_requested: boolean
  created_at: Micros
  created_by: string
  failure?: Failure | null
  finished_at?: Micros | null
  id: string
  kind: string
  progress?: Progress | null
  result?: string | null
  started_at?: Micros | null
  state: JobState
  subject: string
}

export type JobState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'

export interface Key {
  created_at: Micros
  expires_at?: Micros | null
  id: string
  note: string
  prefix: string
  principal: string
  project: string
  revoked_at?: Micros | null
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

export type Level = 'info' | 'warning'

export interface Lineage {
  dataset: DatasetIdentity
  finished_at: Micros
  hardware: string
  operator: string
  recipe: string
  recipe_sha256: string
  seed: number
  software: string[]
  started_at: Micros
}

export interface Manifest {
  algorithm: string
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
}

export interface Me {
  key_prefix: string
  principal: string
  project: string
  role: Role
  may: Action[]
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

export interface Note {
  field: string
  kind: NoteKind
  message: string
}

export type NoteKind = 'missing' | 'unknown_category' | 'unknown_text'

export interface NumericProfile {
  histogram: Histogram
  max: number
  mean: number
  min: number
  quantiles: Quantile[]
  standard_deviation: number
}

export interface PrecisionRecallPoint {
  precision: number
  recall: number
  threshold?: number | null
}

export interface PredictResponse {
  model: string
  predictions: Prediction[]
  request_id: string
  timings_ms: Timings
  version: number
}

export interface Prediction {
  classes?: ClassProbability[] | null
  label?: string | null
  notes?: Note[]
  points?: number | null
  probability?: number | null
  value?: number | null
}

export interface Preview {
  columns: string[]
  rows: unknown[][]
}

export interface Principal {
  created_at: Micros
  name: string
  role: Role
}

export interface Problem {
  field?: string
  hint?: string
  line?: number | null
  message: string
}

export interface PictureItem {
  duplicate_of?: number | null
  height: number
  label?: string | null
  path: string
  row: number
  split?: string | null
  width: number
}

export interface PicturePage {
  items: PictureItem[]
  total: number
}

export interface FileProblem {
  file: string
  reason: string
}

export interface ImagesProfile {
  classes: Frequency[]
  duplicates: number
  left_out: number
  problems: FileProblem[]
  unlabelled: number
}

export interface Profile {
  columns: ColumnProfile[]
  images?: ImagesProfile | null
  rows: number
  warnings?: string[]
}

export interface Progress {
  done: number
  stage: string
  total: number
}

export interface Project {
  created_at: Micros
  name: string
}

export interface Quantile {
  q: number
  value: number
}

export interface RecipeCheck {
  problems: Problem[]
  valid: boolean
}

export interface RecipeInit {
  algorithm?: string | null
  dataset: string
  positive?: string | null
  split_column?: string | null
  target: string
}

export interface RocPoint {
  false_positive_rate: number
  threshold?: number | null
  true_positive_rate: number
}

export type Role = 'viewer' | 'scientist' | 'admin'

export interface Route {
  action: string
  at: Micros
  by: string
  number: number
  reason: string
  version: number
}

export interface Schema {
  columns: ColumnSchema[]
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

export interface Source {
  bytes: number
  file: string
  options: ImportOptions
  sha256: string
}

export interface Share {
  name: string
  share: number
}

export type Task = 'binary' | 'multiclass' | 'regression'

export interface TextProfile {
  characters: Quantile[]
  contradictions?: Contradiction[]
  duplicates: number
  empty: number
  frequent_words: Frequency[]
  scripts: Share[]
  words: Quantile[]
}

export interface Timings {
  compute: number
  post: number
  prep: number
  queue: number
  total: number
}

export interface Validation {
  metrics: Record<string, Metric>
  source: string
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
