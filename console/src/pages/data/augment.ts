// How a picture becomes what a model sees, and what may happen to it in the training part: as the fields of a form hold
// it, as it is asked for, and as the lines of a recipe. The names are the recipe's. Pure.
import type { ImagesProfile } from '../../lib/types.ts'

/** How a picture becomes what the model sees, as the fields hold it; an empty number field is null. */
export interface Look {
  width: number | null
  height: number | null
  colour: (typeof COLOURS)[number]
  mode: (typeof MODES)[number]
  background: (typeof BACKGROUNDS)[number]
}

/** What a drawn side has at most, in pixels. */
export const MOST_SIDE = 1024
export const SIDES = ['width', 'height'] as const
export const COLOURS = ['rgb', 'grey'] as const
export const MODES = ['stretch', 'crop_to_aspect_ratio', 'pad_to_aspect_ratio'] as const
export const BACKGROUNDS = ['white', 'black', 'as_stored'] as const

// As `meuse recipe init` chooses: core/src/recipe/starter_pictures.rs.
const SMALL = 64
const USUAL = 96
const LEAST = 8
const FOR_BOXES = 160

/** What a first recipe for these pictures says: small ones as they are, grey where most of them are; those with boxes in
 * colour, stretched, so that boxes stay where they are. */
export function firstLook({ sizes, channels, boxes }: Pick<ImagesProfile, 'sizes' | 'channels' | 'boxes'>): Look {
  const [width, height] = (sizes[0]?.value ?? '').split(' × ').map(Number)
  const shorter = width && height ? Math.min(width, height) : USUAL
  const isSmall = shorter <= SMALL
  if (boxes > 0) {
    const side = isSmall ? SMALL : FOR_BOXES
    return { width: side, height: side, colour: 'rgb', mode: 'stretch', background: 'white' }
  }
  const side = isSmall ? Math.max(shorter, LEAST) : USUAL
  const isGrey = ['1', '2'].includes(channels[0]?.value ?? '')
  return { width: side, height: side, colour: isGrey ? 'grey' : 'rgb', mode: isSmall ? 'stretch' : 'crop_to_aspect_ratio', background: 'white' }
}

/** The rule as the API and a recipe take it; an empty side is 0, which the server refuses with what it may be. */
export function imageRule({ width, height, colour, mode, background }: Look): Record<string, number | string> {
  return {
    width: width ?? 0,
    height: height ?? 0,
    colour,
    ...(mode === 'stretch' ? {} : { mode }),
    ...(background === 'white' ? {} : { background }),
  }
}

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
  { name: 'crop_padding', most: 512, step: 1 },
  { name: 'cut_out', most: 1, step: 0.05 },
  { name: 'mix_up', most: 10, step: 0.1 },
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
export function recipeLines(look: Look, settings: Settings): string {
  return `[preprocessing.columns.image]\nimage = ${inlineTable(imageRule(look))}\naugmentation = ${inlineTable(augmentation(settings))}\n`
}

function inlineTable(table: Record<string, number | boolean | string>): string {
  const pairs = Object.entries(table).map(([name, value]) => `${name} = ${typeof value === 'string' ? `"${value}"` : value}`)
  return pairs.length > 0 ? `{ ${pairs.join(', ')} }` : '{}'
}

/** The setting that a refusal is about, from a field such as `augmentation.rotation` or `image.width`. */
export function aboutSetting(field: string | null): string | undefined {
  return /^(?:augmentation|image)\.(.+)$/.exec(field ?? '')?.[1]
}
