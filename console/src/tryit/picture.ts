// A picture on its way from a file to a call, as the `data:` address that is shown and sent. What it is, the server finds
// out from its bytes. Pure.

/// What the file dialog offers.
export const ACCEPTED = 'image/png,image/jpeg,image/webp,image/bmp,image/gif'

/// Larger files are not even read: the page would stand still over them. The server's own limit is lower.
export const MOST_BYTES = 64_000_000

/// How many bytes the picture of an address has.
export function sizeOf(address: string): number {
  const base64 = address.slice(address.indexOf(',') + 1)
  const filled = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0
  return Math.max(0, (base64.length / 4) * 3 - filled)
}
