// What the server says in words, in the reader's language where we know the sentence. Others stay English, and are
// marked as such for those who hear the page.
import chinese from '../messages/sentences.zh-CN.json'
import { language } from './i18n.svelte.ts'
import { translator } from './sentences.ts'

const inChinese = translator(chinese)

export interface Told {
  text: string
  /** The language of the text, where it is not the page's. */
  lang?: 'en'
}

export function told(text: string): Told {
  if (language.locale === 'en') return { text }
  const known = inChinese(text)
  return known === undefined ? { text, lang: 'en' } : { text: known }
}
