// Light, dark, or as the system has it; remembered. theme-first.js applies it before the first paint.
import { recall, remember } from './remember.ts'

export type Theme = 'light' | 'dark' | 'system'

const system = matchMedia('(prefers-color-scheme: dark)')
const state = $state({ theme: known(recall('theme')), systemDark: system.matches })

system.addEventListener('change', () => {
  state.systemDark = system.matches
  apply()
})

export const theme = {
  get chosen(): Theme {
    return state.theme
  },
  /// What is shown now; charts that paint on their own read it.
  get dark(): boolean {
    return state.theme === 'dark' || (state.theme === 'system' && state.systemDark)
  },
  choose(chosen: Theme): void {
    state.theme = chosen
    remember('theme', chosen === 'system' ? null : chosen)
    apply()
  },
}

function apply(): void {
  document.documentElement.dataset.theme = theme.dark ? 'dark' : 'light'
}

function known(text: string | null): Theme {
  return text === 'light' || text === 'dark' ? text : 'system'
}
