// The table of contents: every page of the console, and what stands in the navigation.
import type { Component } from 'svelte'
import type { IconName } from './components/Icon.svelte'
import type { MessageKey } from './lib/i18n.svelte.ts'
import { match, type Params } from './lib/match.ts'
import type { Action } from './lib/types.ts'
import Compare from './pages/Compare.svelte'
import Job from './pages/Job.svelte'
import Jobs from './pages/Jobs.svelte'
import Model from './pages/Model.svelte'
import Models from './pages/Models.svelte'
import Train from './pages/Train.svelte'
import Try from './pages/Try.svelte'
import Version from './pages/Version.svelte'
import Access from './pages/access/Access.svelte'
import Audit from './pages/audit/Audit.svelte'
import DatasetPage from './pages/data/DatasetPage.svelte'
import Datasets from './pages/data/Datasets.svelte'
import VersionPage from './pages/data/VersionPage.svelte'
import Home from './pages/home/Home.svelte'

interface Entry {
  pattern: string
  // The parameters of the pattern are the page's properties.
  page: Component<any>
}

const ROUTES: Entry[] = [
  { pattern: '/', page: Home },
  { pattern: '/data', page: Datasets },
  { pattern: '/data/:name', page: DatasetPage },
  { pattern: '/data/:name/:version', page: VersionPage },
  { pattern: '/train', page: Train },
  { pattern: '/jobs', page: Jobs },
  { pattern: '/jobs/:id', page: Job },
  { pattern: '/models', page: Models },
  { pattern: '/models/:name', page: Model },
  { pattern: '/models/:name/try', page: Try },
  { pattern: '/models/:name/:version', page: Version },
  { pattern: '/compare', page: Compare },
  { pattern: '/audit', page: Audit },
  { pattern: '/access', page: Access },
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
  { href: '/data', name: 'nav.data', icon: 'data', may: 'read_data' },
  { href: '/train', name: 'nav.train', icon: 'train', may: 'train' },
  { href: '/jobs', name: 'nav.jobs', icon: 'jobs', may: 'read_jobs' },
  { href: '/models', name: 'nav.models', icon: 'models', may: 'read_models' },
  { href: '/audit', name: 'nav.audit', icon: 'audit', may: 'read_audit', apart: true },
  { href: '/access', name: 'nav.access', icon: 'access', may: 'manage_own_keys' },
]

export function find(path: string): { page: Component<any>; params: Params } | null {
  for (const { pattern, page } of ROUTES) {
    const params = match(pattern, path)
    if (params) return { page, params }
  }
  return null
}
