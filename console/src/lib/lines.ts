// Newline-delimited JSON, read as it arrives.

export async function* lines<T>(body: ReadableStream<Uint8Array>): AsyncGenerator<T> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      rest += done ? decoder.decode() : decoder.decode(value, { stream: true })
      const parts = rest.split('\n')
      rest = done ? '' : (parts.pop() ?? '')
      for (const part of parts) if (part.trim()) yield JSON.parse(part) as T
      if (done) return
    }
  } finally {
    reader.cancel().catch(() => undefined)
  }
}
