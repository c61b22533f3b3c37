// Who was to get which operation, and when the last of them had it.
import { clock } from './websocket.mjs'

const AT = 64
const DIGITS = 7

/** Code points, bytes and UTF-16 units of a marker. */
export const MARKER_LENGTH = 1 + DIGITS

/** The text that operation number `op` inserts: it is found again in the bytes of any protocol. */
export function marker (op) {
  return '@' + String(op).padStart(DIGITS, '0')
}

/** Calls `found(op)` for every marker in the bytes from `start` to `end`. */
export function findMarkers (data, start, end, found) {
  for (let at = start; at <= end - MARKER_LENGTH; at++) {
    if (data[at] !== AT) continue
    let op = 0
    let n = 1
    for (; n < MARKER_LENGTH; n++) {
      const digit = data[at + n] - 48
      if (digit < 0 || digit > 9) break
      op = op * 10 + digit
    }
    if (n === MARKER_LENGTH) {
      found(op)
      at += DIGITS
    }
  }
}

/** Planned times and authors of all operations, and their deliveries. Times are milliseconds. */
export class Ledger {
  constructor (planned, authors, perRoom) {
    const size = planned.length
    this.planned = planned
    this.authors = authors
    this.perRoom = perRoom
    this.begin = 0
    this.seen = new Uint16Array(size) // a bit for each place in the room
    this.count = new Uint8Array(size)
    this.finished = new Float64Array(size).fill(Infinity) // when the last peer had it
    this.lag = new Float64Array(size)
    this.complete = 0
    this.duplicates = 0 // the same operation, twice to one peer
    this.strays = 0 // in a room it does not belong to, or never sent
    this.errors = [] // what the protocols found wrong
  }

  /** `receiver` (the number of a connection) has received operation `op`. */
  delivered (op, receiver) {
    const author = this.authors[op]
    if (receiver === author) return // some servers tell the author too
    const slot = receiver % this.perRoom
    if (author === undefined || receiver - slot !== author - author % this.perRoom) {
      this.strays++
      return
    }
    const bit = 1 << slot
    if (this.seen[op] & bit) {
      this.duplicates++
      return
    }
    this.seen[op] |= bit
    if (++this.count[op] === this.perRoom - 1) {
      this.finished[op] = clock.now - this.begin
      this.complete++
    }
  }

  error (text) {
    if (this.errors.length < 20) this.errors.push(text)
  }

  /** What became of the operations planned from `from` to `to`; an operation some peer lacks took for ever. */
  summary (from, to) {
    const latencies = []
    const lags = []
    let achieved = 0
    for (let op = 0; op < this.planned.length; op++) {
      if (this.finished[op] >= from && this.finished[op] < to) achieved++
      if (this.planned[op] < from || this.planned[op] >= to) continue
      latencies.push(this.finished[op] - this.planned[op])
      lags.push(this.lag[op])
    }
    const latency = Float64Array.from(latencies).sort()
    const lag = Float64Array.from(lags).sort()
    let deliveries = 0
    for (const count of this.count) deliveries += count
    return {
      operations: latency.length,
      achieved_per_second: achieved * 1000 / (to - from),
      p50_ms: percentile(latency, 0.5),
      p95_ms: percentile(latency, 0.95),
      p99_ms: percentile(latency, 0.99),
      max_ms: percentile(latency, 1),
      lag_p95_ms: percentile(lag, 0.95),
      lag_p99_ms: percentile(lag, 0.99),
      lag_max_ms: percentile(lag, 1),
      deliveries,
      missing: this.planned.length * (this.perRoom - 1) - deliveries,
      duplicates: this.duplicates,
      strays: this.strays
    }
  }
}

/** The nearest-rank percentile of sorted numbers; null if it is infinite or there are none. */
function percentile (sorted, share) {
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  return Number.isFinite(value) ? value : null
}
