// Lets Node's test runner import the console's plain .ts files: types are taken away, nothing else changes.
//     node --import ./tests/typescript.mjs --test tests/*.test.mjs
import { register } from 'node:module'

register('./typescript-hooks.mjs', import.meta.url)
