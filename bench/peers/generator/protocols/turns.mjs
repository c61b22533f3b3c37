// Clients of the two servers that transform operations: one operation in flight, revisions in order.
//
// A client keeps no document. All operations insert markers of one length into a text that was empty, so its
// length at a revision is known. In the sampled room the text is kept revision by revision: an own operation
// is carried over what came between its base and its acknowledgement, which for inserts is a matter of positions.
import { MARKER_LENGTH, marker } from '../ledger.mjs'
import { random } from '../schedule.mjs'
import { Client } from './base.mjs'

export class TurnClient extends Client {
  constructor (...all) {
    super(...all)
    this.revision = 0 // the newest one seen
    this.base = 0 // the revision whose text was empty
    this.inFlight = null // the number of the operation
    this.position = 0 // where it would go in the text of `revision`
    this.waiting = []
    this.content = ''
    this.next = random(this.index + 1)
  }

  submit (op) {
    if (this.inFlight === null) this.go(op)
    else this.waiting.push(op)
  }

  go (op) {
    const markers = this.revision - this.base
    const position = Math.floor(this.next() * (markers + 1)) * MARKER_LENGTH
    this.inFlight = op
    this.position = position
    this.write(op, position, markers * MARKER_LENGTH)
  }

  /** The operation on its way is `revision` now. */
  acknowledged (revision) {
    if (revision !== this.revision + 1) this.wrong(`acknowledged as ${revision} after ${this.revision}`)
    this.revision = revision
    if (this.sampled) this.insert(marker(this.inFlight), this.position)
    this.inFlight = null
    if (this.waiting.length > 0) this.go(this.waiting.shift())
  }

  /** Somebody else's operation is `revision` now. `first` says who goes first at the same position. */
  received (revision, operation, first) {
    if (revision !== this.revision + 1) this.wrong(`revision ${revision} after ${this.revision}`)
    this.revision = revision
    if (!this.sampled) return
    const [skip, insert] = operation.length === 1 ? [0, operation[0]] : operation
    this.insert(insert, skip)
    if (this.inFlight === null) return
    if (skip < this.position || (skip === this.position && first)) this.position += insert.length
  }

  insert (text, at) {
    if (at > this.content.length) this.wrong(`an insert at ${at} in a text of ${this.content.length}`)
    this.content = this.content.slice(0, at) + text + this.content.slice(at)
  }

  text () {
    return this.content
  }
}
