// The words for what a job does. Stages are named by the job in English; here they get the reader's words.
import { language, t, word } from '../lib/i18n.svelte.ts'
import type { Job } from '../lib/types.ts'

/// "Train credit-trees", "Import credit".
export function jobTitle(job: Job): string {
  return t('job.title', { kind: word('job', job.kind), subject: job.subject })
}

export function stageName(stage: string): string {
  const trial = /^cross-validate (.+)$/.exec(stage)
  if (trial?.[1]) return t('stage.trial', { setting: setting(trial[1]) })
  return word('stage', stage)
}

/// As in "8 leaves, all features and rows".
function setting(text: string): string {
  return text
    .split(', ')
    .map((part) => {
      const leaves = /^(\d+) leaves$/.exec(part)
      if (leaves) return t('stage.leaves', { count: Number(leaves[1]) })
      if (part === 'all features and rows') return t('stage.everything')
      if (part === 'sets of categories') return t('stage.sets')
      return part
    })
    .join(language.locale === 'zh-CN' ? '、' : ', ')
}

/// The part of the data that a figure was measured on.
export function partName(part: string): string {
  return word('part', part)
}
