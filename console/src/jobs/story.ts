// The events of a job, gathered into what its page shows: stages, figures by step, log lines. Pure.
import type { EventLine, Level } from '../lib/types.ts'

export interface Stage {
  name: string
  done: number
  /// 0 when it cannot be known.
  total: number
  from: string
  /// When the next stage began, or the job ended.
  to: string | null
}

/// A figure by step, as the validation loss of each boosting round.
export interface Curve {
  metric: string
  part: string
  points: { x: number; y: number }[]
}

export interface LogLine {
  at: string
  attempt: number
  level: Level
  message: string
}

export interface Story {
  attempt: number
  stages: Stage[]
  curves: Curve[]
  log: LogLine[]
}

export function beginning(): Story {
  return { attempt: 0, stages: [], curves: [], log: [] }
}

/// The story as it stands; what is gathered later does not change it, but for the points of its curves.
export function soFar(story: Story): Story {
  return { ...story, stages: story.stages.map((stage) => ({ ...stage })), curves: [...story.curves], log: [...story.log] }
}

/// Takes one more event in. A new attempt begins its stages and curves anew; the log of the earlier one stays.
export function take(story: Story, line: Extract<EventLine, { line: 'event' }>): void {
  const { event, attempt } = line
  if (attempt > story.attempt) {
    story.attempt = attempt
    story.stages = []
    story.curves = []
  }
  if (event.type === 'progress') progress(story, event.at, event.stage, event.done, event.total)
  if (event.type === 'metric') figure(story, event.name, event.part, event.step, event.value)
  if (event.type === 'log') story.log.push({ at: event.at, attempt, level: event.level, message: event.message })
  if (event.type === 'done' || event.type === 'failed') end(story, event.at)
}

/// Closes the stage that was going on.
export function end(story: Story, at: string): void {
  const last = story.stages.at(-1)
  if (last && last.to === null) last.to = at
}

function progress(story: Story, at: string, name: string, done: number, total: number): void {
  const last = story.stages.at(-1)
  if (last?.name === name) {
    last.done = done
    last.total = total
    return
  }
  end(story, at)
  story.stages.push({ name, done, total, from: at, to: null })
}

/// Steps that begin again are another fit's: they get a curve of their own.
function figure(story: Story, metric: string, part: string, step: number, value: number): void {
  const point = { x: step, y: value }
  const curve = story.curves.findLast((candidate) => candidate.metric === metric && candidate.part === part)
  const last = curve?.points.at(-1)
  if (curve && last && step > last.x) curve.points.push(point)
  else story.curves.push({ metric, part, points: [point] })
}

/// Where a finished job leads: the page of what it made.
export function resultPath(kind: string, result: string): string | null {
  const at = result.lastIndexOf(':')
  const root = kind === 'train' ? 'models' : kind === 'import' ? 'data' : null
  if (!root || at < 0) return null
  return `/${root}/${encodeURIComponent(result.slice(0, at))}/${encodeURIComponent(result.slice(at + 1))}`
}
