// Read by Vite and svelte-check alike. Styles of components become files: the page's policy allows no inline ones.
import { vitePreprocess } from '@sveltejs/vite-plugin-svelte'

export default {
  preprocess: vitePreprocess(),
  compilerOptions: { runes: true, css: 'external' },
}
