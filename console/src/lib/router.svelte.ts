// Where the reader is: the present path and query, and how to go elsewhere. Links are ordinary <a href>.

const state = $state({ path: location.pathname, search: location.search, visits: 0 })

addEventListener('popstate', arrive)
document.addEventListener('click', follow)

export const router = {
  get path(): string {
    return state.path
  },
  get query(): URLSearchParams {
    return new URLSearchParams(state.search)
  },
  /// Path and query, for coming back.
  get here(): string {
    return state.path + state.search
  },
  /// Counts arrivals, so that the page can take the focus on each but the first.
  get visits(): number {
    return state.visits
  },
  go(target: string, how: 'push' | 'replace' = 'push'): void {
    if (how === 'push') history.pushState(null, '', target)
    else history.replaceState(null, '', target)
    arrive()
    if (how === 'push') scrollTo(0, 0)
  },
  /// Changes single query parameters in place; an empty value removes one.
  amend(changes: Record<string, string>): void {
    const query = new URLSearchParams(location.search)
    for (const [name, value] of Object.entries(changes)) {
      if (value) query.set(name, value)
      else query.delete(name)
    }
    const text = query.toString()
    history.replaceState(null, '', location.pathname + (text ? `?${text}` : ''))
    state.search = location.search
  },
}

function arrive(): void {
  if (state.path !== location.pathname) state.visits++
  state.path = location.pathname
  state.search = location.search
}

// A plain click on a link of our own origin changes the page without leaving it; everything else is the browser's.
function follow(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0) return
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return
  if (link.getAttribute('href')?.startsWith('#')) return
  event.preventDefault()
  router.go(link.pathname + link.search)
}
