// Real rows and pictures for the form, from the data that a version learnt from. The data may be out of reach, by right or
// because it is gone: then there is none, and the signature's examples stand in.
import { api, path } from '../lib/api.ts'
import { session } from '../lib/session.svelte.ts'
import type { ModelVersion, PicturePage, Preview } from '../lib/types.ts'

/// A picture of the data as a `data:` address, the class that the data gives it, and how many pictures there are.
export interface Sample {
  address: string
  label: string | null
  total: number
}

/// The first rows of the data.
export async function firstRows(version: ModelVersion, signal: AbortSignal): Promise<Preview | null> {
  if (!session.may('read_data')) return null
  return unlessAway(api.get<Preview>(path`/datasets/${datasetOf(version)}/preview`, {}, signal), signal)
}

/// The picture of a row, from 0.
export async function pictureAt(version: ModelVersion, row: number, signal?: AbortSignal): Promise<Sample | null> {
  if (!session.may('read_data')) return null
  const media = path`/datasets/${datasetOf(version)}/media`
  const both = Promise.all([
    api.get<PicturePage>(media, { offset: row, limit: 1 }, signal),
    api.picture(`${media}/${row}`, {}, signal),
  ])
  const found = await unlessAway(both, signal)
  return found && { address: found[1], label: found[0].items[0]?.label ?? null, total: found[0].total }
}

/// The version of the data, as the API names it.
export function datasetOf(version: ModelVersion): string {
  const { name, version: number } = version.manifest.lineage.dataset
  return `${name}:${number}`
}

async function unlessAway<T>(asked: Promise<T>, signal: AbortSignal | undefined): Promise<T | null> {
  try {
    return await asked
  } catch (failure) {
    if (signal?.aborted) throw failure
    return null
  }
}
