// Short notes that something was done or refused; components/Toasts.svelte shows them.

export interface Toast {
  id: number
  tone: 'good' | 'bad' | 'neutral'
  text: string
  detail?: string
}

const list = $state<Toast[]>([])
let next = 1

export const toasts = {
  get all(): Toast[] {
    return list
  },
  good: (text: string, detail?: string) => add('good', text, detail, 5_000),
  note: (text: string, detail?: string) => add('neutral', text, detail, 5_000),
  /// A refusal stays until it is dismissed: it says what to do.
  bad: (text: string, detail?: string) => add('bad', text, detail, null),
  dismiss(id: number): void {
    const at = list.findIndex((toast) => toast.id === id)
    if (at >= 0) list.splice(at, 1)
  },
}

function add(tone: Toast['tone'], text: string, detail: string | undefined, lasts: number | null): void {
  const id = next++
  list.push({ id, tone, text, detail })
  if (list.length > 4) list.shift()
  if (lasts) setTimeout(() => toasts.dismiss(id), lasts)
}
