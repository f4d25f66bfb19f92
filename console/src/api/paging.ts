import { ask } from './client'

/** A page of a list; `next` is given back as `after`. */
export interface Page<T> {
  items: T[]
  next: string | null
}

/** Fetches one page of a list. */
export type Fetch<T> = (query: {
  after: string
  limit: number
}) => Promise<{ data?: Page<T>; error?: unknown; response: Response }>

const MOST_PAGES = 20
const PAGE_ITEMS = 100

/** All items of a list that is short by nature, such as one's devices. Rejects with ApiProblem. */
export async function everything<T>(fetch: Fetch<T>): Promise<T[]> {
  const items: T[] = []
  let after = ''
  for (let page = 0; page < MOST_PAGES; page++) {
    const got = await ask(fetch({ after, limit: PAGE_ITEMS }))
    items.push(...got.items)
    if (!got.next) break
    after = got.next
  }
  return items
}
