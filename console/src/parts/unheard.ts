/** Splits a reply into what was heard of it and what was not. Spaces at the seam do not matter. */
export function unheard(reply: string, heard: string): { heard: string; lost: string } {
  let at = 0
  let seen = 0
  const wanted = heard.replace(/\s/g, '')
  while (at < reply.length && seen < wanted.length) {
    if (!/\s/.test(reply[at]!)) {
      if (reply[at] !== wanted[seen]) break
      seen++
    }
    at++
  }
  return { heard: reply.slice(0, at), lost: reply.slice(at).trim() ? reply.slice(at) : '' }
}
