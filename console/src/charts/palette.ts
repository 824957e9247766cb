// How series are told apart: by colour, and by dash and marker for those who do not see the colours.
//
// The colours are variables of app.css, each with a contrast of 3:1 or more on the ground of the page, in light and in
// dark.

/// The look of one series.
export interface Look {
  colour: string
  dash: string
  marker: Marker
}

export type Marker = 'circle' | 'square' | 'triangle' | 'diamond' | 'cross' | 'plus'

const MARKERS: Marker[] = ['circle', 'square', 'triangle', 'diamond', 'cross', 'plus']
const DASHES = ['none', '7 4', '2 4', '10 4 2 4', '14 5', '5 3 1 3']

/// The look of the series at this place; after six the looks come again.
export function look(place: number): Look {
  const index = ((place % 6) + 6) % 6
  return { colour: `var(--series-${index + 1})`, dash: DASHES[index] as string, marker: MARKERS[index] as Marker }
}

/// The `d` of a marker around the origin.
export function markerPath(marker: Marker, size = 4): string {
  const s = size
  switch (marker) {
    case 'circle':
      return `M${-s},0a${s},${s} 0 1,0 ${2 * s},0a${s},${s} 0 1,0 ${-2 * s},0Z`
    case 'square':
      return `M${-s},${-s}H${s}V${s}H${-s}Z`
    case 'triangle':
      return `M0,${-s * 1.15}L${s * 1.1},${s * 0.85}H${-s * 1.1}Z`
    case 'diamond':
      return `M0,${-s * 1.3}L${s * 1.3},0L0,${s * 1.3}L${-s * 1.3},0Z`
    case 'cross':
      return `M${-s},${-s}L${s},${s}M${-s},${s}L${s},${-s}`
    case 'plus':
      return `M0,${-s * 1.2}V${s * 1.2}M${-s * 1.2},0H${s * 1.2}`
  }
}
