// What the clients of all servers have in common.
import { findMarkers } from '../ledger.mjs'
import { Link } from '../websocket.mjs'

/**
 * A client in one room. Subclasses say `path`, answer `opened()` and `frame()`, call `ready()` once they
 * are in the room, and send operation number `op` on `submit(op)`.
 */
export class Client {
  constructor (trial, index, room, sampled) {
    this.trial = trial
    this.ledger = trial.ledger
    this.index = index // number of the connection; of its room's first one plus its place in the room
    this.room = room
    this.sampled = sampled // keeps what it needs to say its text at the end
    this.joined = new Promise((resolve, reject) => {
      this.ready = resolve
      this.failed = reject
    })
    this.found = op => this.ledger.delivered(op, index)
  }

  connect () {
    this.link = new Link(this.trial.host, this.trial.port, this.path, this)
    return this.joined
  }

  deliver (data, start, end) {
    findMarkers(data, start, end, this.found)
  }

  wrong (text) {
    this.ledger.error(`connection ${this.index}: ${text}`)
  }

  closed (reason) {
    this.wrong(reason)
    this.failed(new Error(reason))
  }

  /** The document as this client has it in the end; null if the protocol knows no documents. */
  text () {
    return null
  }
}
