// What a chart's axes and marks are called.

/// An axis always has a name; its unit stands behind it in brackets.
export interface Axis {
  name: string
  unit?: string
  /// From the data when absent.
  domain?: [number, number]
  format?: (value: number) => string
}

/// A vertical line that marks an x.
export interface Rule {
  x: number
  label: string
}

/// A place that is marked.
export interface Spot {
  x: number
  y: number
  label: string
}
