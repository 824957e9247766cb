// The words for what a job does. Stages are named by the job in English; here they get the reader's words.
import { t, word } from '../lib/i18n.svelte.ts'
import { told } from '../lib/told.ts'
import type { Job } from '../lib/types.ts'

const BY_EPOCH = ['loss', 'accuracy']

/// "Train credit-trees", "Import credit".
export function jobTitle(job: Job): string {
  return t('job.title', { kind: word('job', job.kind), subject: job.subject })
}

export function stageName(stage: string): string {
  const trial = /^cross-validate (.+)$/.exec(stage)
  if (trial?.[1]) return t('stage.trial', { setting: told(trial[1]).text })
  return word('stage', stage)
}

/// The part of the data that a figure was measured on.
export function partName(part: string): string {
  return word('part', part)
}

/// What the steps of a figure are: networks and word vectors tell theirs after each epoch, others after each round or
/// iteration.
export function stepsOf(metric: string): 'epoch' | 'step' {
  return BY_EPOCH.includes(metric) ? 'epoch' : 'step'
}
