// Something read from the server for a page: what came, whether it is on its way, or why it did not come.
//
//     const datasets = resource((signal) => api.get<Page<Dataset>>('/datasets', {}, signal))
//
// It is read again when a rune that the function reads before its first `await` changes; an overtaken read is aborted.
// What came before stays until the new answer is there, so that nothing jumps.

export interface Resource<T> {
  readonly data: T | undefined
  readonly error: unknown
  readonly loading: boolean
  refresh(): void
  /// Puts an answer that is already known in place: the one to a change.
  set(data: T): void
}

export function resource<T>(read: (signal: AbortSignal) => Promise<T>): Resource<T> {
  const state = $state<{ error: unknown; loading: boolean; turn: number }>({ error: null, loading: true, turn: 0 })
  let data = $state.raw<T | undefined>()
  $effect(() => {
    void state.turn
    const controller = new AbortController()
    state.loading = true
    read(controller.signal).then(
      (answer) => {
        if (controller.signal.aborted) return
        data = answer
        state.error = null
        state.loading = false
      },
      (reason: unknown) => {
        if (controller.signal.aborted) return
        state.error = reason
        state.loading = false
      },
    )
    return () => controller.abort()
  })
  return {
    get data() {
      return data
    },
    get error() {
      return state.error
    },
    get loading() {
      return state.loading
    },
    refresh() {
      state.turn++
    },
    set(answer: T) {
      data = answer
      state.error = null
    },
  }
}
