// One row of a model's inputs as a form holds it: text per input, and the values that are sent. Pure.
import type { Input, Preview } from '../lib/types.ts'

/// What the controls hold; an empty text is a missing value, a picture is a `data:` address.
export type Draft = Record<string, string>

/// The typical row: the median of each number, the most frequent of each text.
export function typical(inputs: Input[]): Draft {
  return Object.fromEntries(inputs.map((input) => [input.name, written(input, input.example)]))
}

/// A row of the data that the version learnt from; inputs that it does not have are missing.
export function fromPreview(inputs: Input[], preview: Preview, row: number): Draft {
  const cells = preview.rows[row] ?? []
  return Object.fromEntries(inputs.map((input) => [input.name, written(input, cells[preview.columns.indexOf(input.name)])]))
}

/// The names of the inputs that are pictures.
export function pictures(inputs: Input[]): string[] {
  return inputs.filter((input) => input.type === 'image').map((input) => input.name)
}

/// A text that is no category: a review, a mail.
export function isLongText(input: Input): boolean {
  return input.type === 'text' && !input.allowed
}

/// How far to go in a data set of `total` pictures so that another one is of another class, most likely, and all are
/// met in turn.
export function stride(total: number): number {
  const common = (a: number, b: number): number => (b === 0 ? a : common(b, a % b))
  let step = Math.max(1, Math.round(total * 0.382))
  while (common(step, total) !== 1) step++
  return step
}

/// A picture is none of the texts that a table holds.
function written(input: Input, value: unknown): string {
  return value === null || value === undefined || input.type === 'image' ? '' : String(value)
}

/// The values that are sent. A text that is no number goes as it is: the server says what is wrong with it.
export function values(inputs: Input[], draft: Draft): Record<string, unknown> {
  return Object.fromEntries(inputs.map((input) => [input.name, value(input, draft[input.name] ?? '')]))
}

function value(input: Input, text: string): unknown {
  if (text === '') return null
  switch (input.type) {
    case 'integer':
    case 'number': {
      const number = Number(text)
      return Number.isFinite(number) && text.trim() !== '' ? number : text
    }
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text
    default:
      return text
  }
}

/// The input that a refusal is about, from a field such as `rows[0].age_in_years`.
export function aboutInput(field: string | null, inputs: Input[]): string | undefined {
  if (!field) return undefined
  const fitting = inputs.filter((input) => field === input.name || field.endsWith(`.${input.name}`))
  return fitting.sort((a, b) => b.name.length - a.name.length)[0]?.name
}
