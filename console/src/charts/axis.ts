// What a chart's axes and marks are called.

/// An axis always has a name; its unit stands behind it in brackets.
export interface Axis {
  name: string
  unit?: string
  /// From the data when absent.
  domain?: [number, number]
  format?: (value: number) => string
  /// It counts: ticks stand at whole numbers only.
  whole?: boolean
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

/// As it stands at the axis.
export function axisName(axis: Axis): string {
  return axis.unit ? `${axis.name} (${axis.unit})` : axis.name
}

/// The room around a drawing, for what stands at its axes.
export interface Margin {
  top: number
  right: number
  bottom: number
  left: number
}

/// What is left for the drawing.
export function room(width: number, height: number, margin: Margin): { width: number; height: number } {
  return { width: Math.max(30, width - margin.left - margin.right), height: height - margin.top - margin.bottom }
}

/// What is read off: which one of how many, in words, and where its note stands in the drawing.
export interface Reading {
  index: number
  of: number
  text: string
  x: number
  y: number
}
