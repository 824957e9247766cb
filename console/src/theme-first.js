// Runs before the first paint: the remembered theme and language, so that nothing flashes. See lib/theme.svelte.ts.
;(function () {
  var theme = null
  var locale = null
  try {
    theme = localStorage.getItem('meuse.theme')
    locale = localStorage.getItem('meuse.locale')
  } catch (_) {
    // Storage may be forbidden; the system's theme and the browser's language serve then.
  }
  var dark = theme === 'dark' || (theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.dataset.theme = dark ? 'dark' : 'light'
  if (locale) document.documentElement.lang = locale
})()
