// Names as the server wants them: a-z, 0-9, `-`, `_`, `.`, beginning and ending with a letter or digit, at most 63.

const NAME = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/

export function isName(text: string): boolean {
  return NAME.test(text)
}

/// A name that suits a file: `Kunden 2024 (neu).csv` → `kunden-2024-neu`. Empty when nothing of it can stay.
export function nameOf(file: string): string {
  return file
    .replace(/(\.(csv|tsv|txt|jsonl|ndjson|parquet|pq|zip|tar|tgz|gz))+$/i, '')
    .toLowerCase()
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9._-]+/g, '-')
    .slice(0, 63)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
}
