// Builds the console into dist/, which the server embeds. `npm run dev` serves it with /api passed on to MEUSE_URL.
import { readFileSync } from 'node:fs'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig, type Plugin } from 'vite'

const server = process.env.MEUSE_URL ?? 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [svelte(), themeFirst()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { output: { assetFileNames: ({ names }) => `assets/[name]-[hash]${isText(names[0]) ? '.txt' : '[extname]'}` } },
  },
  server: {
    proxy: { '/api': { target: server, changeOrigin: false } },
    // The demo's data lies beside the console.
    fs: { allow: ['..'] },
  },
})

// The demo's data and its licence note: sent as text, which a browser shows instead of saving.
function isText(name = ''): boolean {
  return /\.(csv|md)$/.test(name)
}

// The remembered theme must be known before the first paint, so a small classic script goes first in the head. It is a
// file of its own because the page's policy allows no inline script.
function themeFirst(): Plugin {
  const source = './src/theme-first.js'
  let building = false
  return {
    name: 'theme-first',
    configResolved(config) {
      building = config.command === 'build'
    },
    buildStart() {
      if (building) this.emitFile({ type: 'asset', name: 'theme-first.js', source: readFileSync(source, 'utf8') })
    },
    transformIndexHtml: {
      order: 'post',
      handler(_html, context) {
        const emitted = Object.values(context.bundle ?? {}).find((file) => file.fileName.includes('theme-first'))
        const src = emitted ? `/${emitted.fileName}` : '/src/theme-first.js'
        return [{ tag: 'script', attrs: { src }, injectTo: 'head-prepend' }]
      },
    },
  }
}
