// A recipe while someone works on it, as text and as form. The text is what counts; the form shows what it says.
//
// Every change is followed by the server's own reading and checking, and an answer that was overtaken is dropped.
import { api } from '../lib/api.ts'
import type { Problem, RecipeCheck } from '../lib/types.ts'
import { pathText, set, withAlgorithm, type Document, type Json } from '../recipe/document.ts'

interface Reading {
  document: Document | null
  problems: Problem[]
}

/// How long the hands rest before the server is asked.
const REST = 250

export function workbench() {
  const state = $state<{ text: string; problems: Problem[]; warnings: string[]; checking: boolean; failure: unknown; edited: boolean }>({
    text: '',
    problems: [],
    warnings: [],
    checking: false,
    failure: null,
    edited: false,
  })
  let document = $state.raw<Document | null>(null)
  let turn = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  /// Runs the latest of several changes, after a rest.
  function later(work: (mine: () => boolean) => Promise<void>, rest: number): void {
    turn += 1
    const own = turn
    const mine = () => own === turn
    state.checking = true
    clearTimeout(timer)
    timer = setTimeout(() => {
      work(mine).then(
        () => {
          if (mine()) state.checking = false
        },
        (failure: unknown) => {
          if (!mine()) return
          state.failure = failure
          state.checking = false
        },
      )
    }, rest)
  }

  async function read(mine: () => boolean): Promise<void> {
    const reading = await api.post<Reading>('/recipes/read', { recipe: state.text })
    if (!mine()) return
    document = reading.document
    state.problems = reading.problems
    // What the data has to say comes only when the recipe by itself is right.
    if (reading.problems.length === 0) await check(mine)
    else state.failure = null
  }

  async function check(mine: () => boolean): Promise<void> {
    const found = await api.post<RecipeCheck>('/recipes/check', { recipe: state.text })
    if (!mine()) return
    state.problems = found.problems
    state.warnings = found.warnings ?? []
    state.failure = null
  }

  async function write(mine: () => boolean): Promise<void> {
    if (!document) return
    const { recipe } = await api.post<{ recipe: string }>('/recipes/edit', { recipe: state.text, document })
    if (!mine()) return
    state.text = recipe
    await read(mine)
  }

  return {
    get text(): string {
      return state.text
    },
    get document(): Document | null {
      return document
    },
    get problems(): Problem[] {
      return state.problems
    },
    /// What the recipe does not heed although it can be trained.
    get warnings(): string[] {
      return state.problems.length > 0 ? [] : state.warnings
    },
    /// What is wrong, by field.
    get byField(): Map<string, string> {
      return new Map(
        state.problems
          .filter((problem) => problem.field)
          .map((problem) => [problem.field ?? '', [problem.message, problem.hint].filter(Boolean).join(' — ')]),
      )
    },
    get checking(): boolean {
      return state.checking
    },
    /// Why the server could not be asked.
    get failure(): unknown {
      return state.failure
    },
    /// Whether a person has changed what was filled in.
    get edited(): boolean {
      return state.edited
    },
    /// A recipe that was filled in.
    begin(text: string): void {
      state.text = text
      state.edited = false
      later(read, 0)
    },
    /// The text was changed.
    type(text: string): void {
      state.text = text
      state.edited = true
      later(read, REST)
    },
    /// A field of the form was changed.
    change(path: string[], value: Json | undefined): void {
      if (!document) return
      document = pathText(path) === 'algorithm' ? withAlgorithm(document, value) : set(document, path, value)
      state.edited = true
      state.problems = state.problems.filter((problem) => problem.field !== pathText(path))
      later(write, REST)
    },
  }
}
