// The present, moving on twice a minute while someone looks, for "5 minutes ago".

const state = $state({ now: Date.now() })
setInterval(() => {
  if (!document.hidden) state.now = Date.now()
}, 30_000)
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) state.now = Date.now()
})

export const present = {
  get now(): number {
    return state.now
  },
}
