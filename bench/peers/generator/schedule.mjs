// What is sent when and by whom, drawn before anything runs: the same for every server.

/** A generator of numbers from 0 to 1 (mulberry32). */
export function random (seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296
  }
}

/** Planned times in ms: a Poisson process of `rate` per second, conditioned on its number of arrivals. */
export function plannedTimes (rate, milliseconds, next) {
  const times = new Float64Array(Math.round(rate * milliseconds / 1000))
  for (let n = 0; n < times.length; n++) times[n] = next() * milliseconds
  return times.sort()
}

/** The author of each operation: everybody in turn, in an order drawn anew each time round. */
export function plannedAuthors (operations, connections, next) {
  const authors = new Uint32Array(operations)
  const order = Uint32Array.from({ length: connections }, (_, n) => n)
  for (let op = 0; op < operations; op++) {
    const turn = op % connections
    if (turn === 0) shuffle(order, next)
    authors[op] = order[turn]
  }
  return authors
}

function shuffle (items, next) {
  for (let n = items.length - 1; n > 0; n--) {
    const other = Math.floor(next() * (n + 1))
    const kept = items[n]
    items[n] = items[other]
    items[other] = kept
  }
}
