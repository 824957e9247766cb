// The table of contents: every page of the console, and what stands in the navigation.
import type { Component } from 'svelte'
import type { IconName } from './components/Icon.svelte'
import type { MessageKey } from './lib/i18n.svelte.ts'
import { match, type Params } from './lib/match.ts'
import type { Action } from './lib/types.ts'
import Home from './pages/home/Home.svelte'

interface Entry {
  pattern: string
  // The parameters of the pattern are the page's properties.
  page: Component<any>
}

const ROUTES: Entry[] = [
  { pattern: '/', page: Home },
]

export interface NavigationEntry {
  href: string
  name: MessageKey
  icon: IconName
  /** Offered only to those who may do it. */
  may?: Action
  /** Where a line is drawn above it. */
  apart?: boolean
}

export const NAVIGATION: NavigationEntry[] = [
  { href: '/', name: 'nav.home', icon: 'home' },
]

export function find(path: string): { page: Component<any>; params: Params } | null {
  for (const { pattern, page } of ROUTES) {
    const params = match(pattern, path)
    if (params) return { page, params }
  }
  return null
}
