// The words of the API about data sets, their profiles and pictures.
import type { Micros } from '../types.ts'
import type { Job } from './jobs.ts'

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

export type ColumnType = 'integer' | 'number' | 'boolean' | 'text' | 'date' | 'timestamp' | 'image' | 'boxes'

/** Equal texts with different values of another column. */
export interface Contradiction {
  column: string
  rows: number
  texts: number
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

export type FileFormat = 'csv' | 'parquet' | 'images' | 'texts' | 'jsonl'

export interface Frequency {
  count: number
  value: string
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

export interface NumericProfile {
  histogram: Histogram
  max: number
  mean: number
  min: number
  quantiles: Quantile[]
  standard_deviation: number
}

export interface Preview {
  columns: string[]
  rows: unknown[][]
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
  boxes: number
  channels: Frequency[]
  classes: Frequency[]
  duplicates: number
  left_out: number
  problems: FileProblem[]
  sizes: Frequency[]
  unlabelled: number
}

export interface Profile {
  columns: ColumnProfile[]
  images?: ImagesProfile | null
  rows: number
  warnings?: string[]
}

export interface Quantile {
  q: number
  value: number
}

export interface Schema {
  columns: ColumnSchema[]
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

export interface Language {
  code: string
  share: number
}

export interface Languages {
  found: Language[]
  sample: number
  uncertain: number
}

export interface TextProfile {
  characters: Quantile[]
  contradictions?: Contradiction[]
  duplicates: number
  empty: number
  frequent_words: Frequency[]
  languages?: Languages | null
  scripts: Share[]
  words: Quantile[]
}
