// The language of the console: which one, its messages, and how it writes numbers, dates, sizes and durations.
import en from '../messages/en.json'
import zh from '../messages/zh-CN.json'
import { bytes, clock, date, day, duration, languageName, number, percent, relative } from './format.ts'
import { fill, type Params } from './message.ts'
import { recall, remember } from './remember.ts'

export type Locale = 'en' | 'zh-CN'
export type MessageKey = keyof typeof en

export const LOCALES: { locale: Locale; name: string }[] = [
  { locale: 'en', name: 'English' },
  { locale: 'zh-CN', name: '简体中文' },
]

const messages: Record<Locale, Record<MessageKey, string>> = { en, 'zh-CN': zh }
const state = $state<{ locale: Locale }>({ locale: first() })
document.documentElement.lang = state.locale

export const language = {
  get locale(): Locale {
    return state.locale
  },
  choose(locale: Locale): void {
    state.locale = locale
    document.documentElement.lang = locale
    remember('locale', locale)
  },
}

/// The message of that key in the chosen language.
export function t(key: MessageKey, params: Params = {}): string {
  return fill(messages[state.locale][key], params, state.locale)
}

/// A message whose key is made of a word that the server sent; the word itself when we have none for it.
export function word(prefix: string, name: string): string {
  const key = `${prefix}.${name}`
  return key in en ? t(key as MessageKey) : name
}

/// Numbers, dates, sizes, durations and names of languages as the chosen language writes them.
export const show = {
  number: (value: number, digits?: number) => number(value, state.locale, digits),
  percent: (share: number, digits?: number) => percent(share, state.locale, digits),
  bytes: (count: number) => bytes(count, state.locale),
  duration: (milliseconds: number) => duration(milliseconds, state.locale),
  date: (instant: string) => date(instant, state.locale),
  day: (instant: string) => day(instant, state.locale),
  clock: (instant: string) => clock(instant, state.locale),
  language: (code: string) => languageName(code, state.locale),
  relative: (instant: string, now: number) => relative(instant, now, state.locale),
}

function first(): Locale {
  const remembered = recall('locale')
  if (remembered === 'en' || remembered === 'zh-CN') return remembered
  return navigator.languages.some((name) => name.toLowerCase().startsWith('zh')) ? 'zh-CN' : 'en'
}
