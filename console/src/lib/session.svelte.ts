// Who is signed in, in which project, and what they may do there.
import { access, api, ApiError } from './api.ts'
import { imports } from './imports.svelte.ts'
import { recall, remember } from './remember.ts'
import type { Action, Me, Session } from './types.ts'

const state = $state<{ session: Session | null; me: Me | null; known: boolean; ended: boolean; failure: unknown }>({
  session: null,
  me: null,
  known: false,
  ended: false,
  failure: null,
})

export const session = {
  /// Whether it is known yet if someone is signed in.
  get known(): boolean {
    return state.known
  },
  get signedIn(): boolean {
    return state.me !== null
  },
  /// Whether a session that there was has ended by itself; the sign-in page says so.
  get ended(): boolean {
    return state.ended
  },
  /// Why it could not be found out, as when the server is away.
  get failure(): unknown {
    return state.failure
  },
  /// Only for pages behind the sign-in, where there always is one.
  get me(): Me {
    if (!state.me) throw new Error('nobody is signed in')
    return state.me
  },
  get projects(): string[] {
    return state.session?.projects.map((project) => project.name) ?? []
  },
  get project(): string {
    return state.me?.project ?? ''
  },
  may: (action: Action): boolean => state.me?.may.includes(action) ?? false,
  resume,
  signIn,
  signOut,
  choose,
  reload,
}

access.ended = () => {
  if (state.me) state.ended = true
  forget()
}

/// At the start: goes on with the session that the cookie holds. Asked only where one was begun, so that a first visit
/// does not begin with a refusal in the browser's log.
async function resume(): Promise<void> {
  state.failure = null
  if (!recall('session')) {
    state.known = true
    return
  }
  try {
    await begin(await api.get<Session>('/session'))
  } catch (failure) {
    if (!(failure instanceof ApiError && failure.status === 401)) state.failure = failure
  }
  state.known = true
}

async function signIn(key: string): Promise<void> {
  access.project = null
  await begin(await api.post<Session>('/session', { key }))
}

async function signOut(): Promise<void> {
  await api.delete('/session')
  state.ended = false
  remember('project', null)
  forget()
}

/// Goes to another project of the caller.
async function choose(project: string): Promise<void> {
  const before = access.project
  access.project = project
  try {
    state.me = await api.get<Me>('/me')
    remember('project', project)
    imports.forget()
  } catch (failure) {
    access.project = before
    throw failure
  }
}

/// After a project was made or a role changed.
async function reload(): Promise<void> {
  const fresh = await api.get<Session>('/session')
  access.csrf = fresh.csrf
  state.session = fresh
  state.me = await api.get<Me>('/me')
}

async function begin(fresh: Session): Promise<void> {
  access.csrf = fresh.csrf
  const wanted = recall('project')
  let me = fresh.me
  if (wanted && wanted !== me.project && fresh.projects.some((project) => project.name === wanted)) {
    access.project = wanted
    me = await api.get<Me>('/me')
  }
  remember('session', 'begun')
  state.session = fresh
  state.me = me
  state.ended = false
}

function forget(): void {
  imports.forget()
  access.csrf = null
  access.project = null
  remember('session', null)
  state.session = null
  state.me = null
}
