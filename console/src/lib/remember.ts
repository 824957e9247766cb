// What the browser remembers between visits. Storage may be forbidden or full; then nothing is remembered.

export function recall(name: string): string | null {
  try {
    return localStorage.getItem(`meuse.${name}`)
  } catch {
    return null
  }
}

export function remember(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`meuse.${name}`)
    else localStorage.setItem(`meuse.${name}`, value)
  } catch {
    // Nothing to do: the choice lasts until the page is closed.
  }
}
