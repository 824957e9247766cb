// What may happen to a picture of the training part, as the fields of a form hold it, as it is asked for, and as the
// lines of a recipe. The names are the recipe's. Pure.

/** The settings that are numbers: where each begins to make no sense, and the step of its field. */
export const NUMBERS = [
  { name: 'rotation', most: 180, step: 5 },
  { name: 'width_shift', most: 1, step: 0.05 },
  { name: 'height_shift', most: 1, step: 0.05 },
  { name: 'shear', most: 2, step: 0.05 },
  { name: 'zoom', most: 0.99, step: 0.05 },
  { name: 'brightness', most: 1, step: 0.05 },
  { name: 'contrast', most: 1, step: 0.05 },
  { name: 'crop', most: 0.99, step: 0.05 },
  { name: 'cut_out', most: 1, step: 0.05 },
] as const

export const FLIPS = ['horizontal_flip', 'vertical_flip'] as const
export const FILLS = ['nearest', 'constant', 'reflect', 'wrap'] as const

export type NumberName = (typeof NUMBERS)[number]['name']
export type Fill = (typeof FILLS)[number]

/** As the fields hold it; an empty number field is null. */
export type Settings = Record<NumberName, number | null> & Record<(typeof FLIPS)[number], boolean> & { fill: Fill; fill_value: number | null }

/** What is not nothing, as the API and a recipe take it. */
export type Augmentation = Record<string, number | boolean | string>

export function nothing(): Settings {
  const numbers = Object.fromEntries(NUMBERS.map(({ name }) => [name, 0])) as Record<NumberName, number>
  return { ...numbers, horizontal_flip: false, vertical_flip: false, fill: 'nearest', fill_value: 0 }
}

/** What photographs usually take: the line that teaches a small set of pictures most. */
export function usual(): Settings {
  return { ...nothing(), rotation: 40, width_shift: 0.2, height_shift: 0.2, shear: 0.2, zoom: 0.2, horizontal_flip: true }
}

/** Without what does nothing; the fill stands there as soon as something is moved into the picture. */
export function augmentation(settings: Settings): Augmentation {
  const asked: Augmentation = {}
  for (const { name } of NUMBERS) if (settings[name]) asked[name] = settings[name]
  for (const name of FLIPS) if (settings[name]) asked[name] = true
  if (Object.keys(asked).length === 0) return asked
  asked.fill = settings.fill
  if (settings.fill_value && usesFillValue(settings)) asked.fill_value = settings.fill_value
  return asked
}

export function usesFillValue(settings: Settings): boolean {
  return settings.fill === 'constant' || Boolean(settings.cut_out)
}

/** The lines of a recipe; that a column of pictures is seen as pictures need not be said. */
export function recipeLines(settings: Settings): string {
  const pairs = Object.entries(augmentation(settings)).map(([name, value]) => `${name} = ${typeof value === 'string' ? `"${value}"` : value}`)
  const table = pairs.length > 0 ? `{ ${pairs.join(', ')} }` : '{}'
  return `[preprocessing.columns.image]\naugmentation = ${table}\n`
}

/** The setting that a refusal is about, from a field such as `augmentation.rotation`. */
export function aboutSetting(field: string | null): string | undefined {
  return field?.startsWith('augmentation.') ? field.slice('augmentation.'.length) : undefined
}
