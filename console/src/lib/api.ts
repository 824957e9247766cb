// The way to the server: typed calls under /api/v1 with the session's cookie, CSRF token and chosen project.
//
// Who is signed in is none of its business: lib/session.svelte.ts sets `access` and is told when a session has ended.
import { asAddress } from './address.ts'
import { ApiError, refusal, unreachable } from './errors.ts'
import { lines } from './lines.ts'

export { ApiError } from './errors.ts'
export { path } from './match.ts'

export type Query = Record<string, string | number | boolean | string[] | null | undefined>

/// What every call carries.
export const access: { csrf: string | null; project: string | null; ended: () => void } = {
  csrf: null,
  project: null,
  ended: () => undefined,
}

interface Options {
  query?: Query
  body?: unknown
  signal?: AbortSignal
}

export const api = {
  get: <T>(path: string, query?: Query, signal?: AbortSignal) => call<T>('GET', path, { query, signal }),
  post: <T>(path: string, body?: unknown, query?: Query) => call<T>('POST', path, { body, query }),
  put: <T>(path: string, body?: unknown) => call<T>('PUT', path, { body }),
  delete: (path: string) => call<void>('DELETE', path, {}),
  text,
  stream,
  upload,
  download,
  picture,
  drawn,
}

/// `/api/v1` + path + query; entries that are null, undefined or empty are left out.
export function url(path: string, query: Query = {}): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === '') continue
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one))
  }
  const text = search.toString()
  return `/api/v1${path}${text ? `?${text}` : ''}`
}

async function call<T>(method: string, path: string, options: Options): Promise<T> {
  const response = await ask(method, path, options)
  if (response.status === 204) return undefined as T
  return (await response.json()) as T
}

/// For answers that are text: a first recipe.
async function text(path: string, body: unknown): Promise<string> {
  const response = await ask('POST', path, { body })
  return response.text()
}

/// A picture, as an address that an `img` may have: the policy of the page takes `data:`.
async function picture(path: string, query: Query, signal?: AbortSignal): Promise<string> {
  const response = await ask('GET', path, { query, signal })
  return asAddress(await response.blob())
}

/// A picture that the server draws from what is asked.
async function drawn(path: string, body: unknown, signal?: AbortSignal): Promise<string> {
  const response = await ask('POST', path, { body, signal })
  return asAddress(await response.blob())
}

/// Newline-delimited JSON as it arrives: job events.
async function* stream<T>(path: string, query: Query, signal: AbortSignal): AsyncGenerator<T> {
  const response = await ask('GET', path, { query, signal })
  if (response.body) yield* lines<T>(response.body)
}

/// Fetches a file and hands it to the browser's downloads.
async function download(path: string, query: Query, name: string): Promise<void> {
  const response = await ask('GET', path, { query })
  const link = document.createElement('a')
  link.href = URL.createObjectURL(await response.blob())
  link.download = name
  link.click()
  // The browser takes the file on a later turn; the address may go after that.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

async function ask(method: string, path: string, { query, body, signal }: Options): Promise<Response> {
  const headers = carried(method)
  if (body !== undefined) headers.set('Content-Type', 'application/json')
  let response: Response
  try {
    response = await fetch(url(path, query), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      credentials: 'same-origin',
    })
  } catch (reason) {
    if (signal?.aborted) throw reason
    throw unreachable(reason)
  }
  if (!response.ok) throw refused(refusal(response.status, response.statusText, await response.text()))
  return response
}

/// Sends a file's bytes, telling how far it is. `fetch` cannot tell, hence the older interface.
function upload<T>(path: string, query: Query, file: Blob, progress: (sent: number) => void, signal?: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', url(path, query))
    carried('POST').forEach((value, name) => request.setRequestHeader(name, value))
    request.setRequestHeader('Content-Type', 'application/octet-stream')
    request.upload.onprogress = (event) => progress(event.loaded)
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText) as T)
      else reject(refused(refusal(request.status, request.statusText, request.responseText)))
    }
    request.onerror = () => reject(unreachable('the connection was cut'))
    request.onabort = () => reject(new DOMException('the upload was stopped', 'AbortError'))
    signal?.addEventListener('abort', () => request.abort())
    request.send(file)
  })
}

function carried(method: string): Headers {
  const headers = new Headers()
  if (method !== 'GET' && access.csrf) headers.set('Meuse-CSRF', access.csrf)
  if (access.project) headers.set('Meuse-Project', access.project)
  return headers
}

function refused(error: ApiError): ApiError {
  if (error.status === 401) access.ended()
  return error
}
