// A job's events as they happen, until it ends. A stream that is cut is taken up again after the last event seen.
import { api, ApiError, path } from './api.ts'
import type { EventLine, Job } from './types.ts'

/// Calls `each` for every event and answers with the job as it ended. Throws what the server refuses, and AbortError.
export async function follow(id: string, each: (line: Extract<EventLine, { line: 'event' }>) => void, signal: AbortSignal): Promise<Job> {
  let after: string | undefined
  let pause = 250
  for (;;) {
    try {
      for await (const line of api.stream<EventLine>(path`/jobs/${id}/events`, { follow: true, after }, signal)) {
        if (line.line === 'end') return line.job
        after = `${line.attempt}.${line.number}`
        pause = 250
        each(line)
      }
    } catch (failure) {
      if (signal.aborted || (failure instanceof ApiError && failure.status > 0)) throw failure
    }
    signal.throwIfAborted()
    // The server went away in between, or stopped for a restart: ask again, less and less often.
    await new Promise((resolve) => setTimeout(resolve, pause))
    pause = Math.min(pause * 2, 5_000)
  }
}
