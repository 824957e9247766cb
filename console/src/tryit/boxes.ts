// Where the name of a box is written on a picture, and which colour its class has.
import type { FoundBox } from '../lib/types.ts'

/** Colours that can be told apart on a picture. */
const SHADES = 6
/** A name stands over its box, but where less than this share of the height is left there, inside it. */
const ROOM = 6

/** Up to this side the pixels of a picture are shown as they are. */
export const TINY = 96
/** Pixels of the page: a picture is as wide as it is, but wide enough for names and not higher than the page. */
const [NARROWEST, HIGHEST] = [320, 480]

export function widthOf({ width, height }: { width: number; height: number }): number {
  return Math.round(Math.min(Math.max(width, NARROWEST), (HIGHEST * width) / height))
}

/** Percent of the picture from the left and from the top. */
export interface Placed {
  left: number
  top: number
  /** Whether there is no room over it. */
  isHigh: boolean
}

export function placed({ box: [left, top] }: FoundBox, width: number, height: number): Placed {
  const share = (at: number, whole: number) => Math.min(100, Math.max(0, (100 * at) / whole))
  const from = share(top, height)
  return { left: Math.min(85, share(left, width)), top: from, isHigh: from < ROOM }
}

/** The number of a class's colour; with more classes than colours, colours come again. */
export function shade(label: string, labels: string[]): number {
  return Math.max(0, labels.indexOf(label)) % SHADES
}
