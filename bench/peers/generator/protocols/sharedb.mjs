// ShareDB's protocol, version 1.2 (lib/agent.js, lib/client/connection.js): JSON in text frames.
//
// The server may send an operation twice, by its subscription and in answer to a submit based on an older
// version, and may acknowledge before it has sent what came before. As in ShareDB's own client, versions decide:
// an older one is dropped, a later one waits.
import { marker } from '../ledger.mjs'
import { TurnClient } from './turns.mjs'

const COLLECTION = 'bench'
const TEXT_TYPE = 'http://sharejs.org/types/textv1'

export class ShareClient extends TurnClient {
  constructor (...all) {
    super(...all)
    this.sequence = 1
    this.early = new Map() // version -> message
    this.creates = this.index % this.trial.perRoom === 0
  }

  get path () {
    return '/'
  }

  opened () {}

  json (message) {
    this.link.send(JSON.stringify(message))
  }

  frame (data, start, end) {
    const message = JSON.parse(data.utf8Slice(start, end))
    if (message.error) this.closed(message.error.message)
    else if (message.a === 'op') this.operation(message, data, start, end)
    else if (message.a === 'init') this.json({ a: 'hs', id: null, protocol: 1, protocolMinor: 2 })
    else if (message.a === 'hs') this.json({ a: 's', c: COLLECTION, d: this.room, v: null })
    else if (message.a === 's') this.subscribed(message.data)
  }

  subscribed (snapshot) {
    this.revision = snapshot.v
    this.base = 1 // creation is a version of its own
    if (snapshot.type) {
      this.content = snapshot.data
      this.ready()
    } else if (this.creates) {
      this.json({
        a: 'op', c: COLLECTION, d: this.room, v: 0, seq: this.sequence++, x: {}, create: { type: TEXT_TYPE, data: '' }
      })
    } else this.closed('the document was not created')
  }

  operation (message, data, start, end) {
    if (message.v + 1 <= this.revision) return
    if (message.op) this.deliver(data, start, end)
    this.early.set(message.v + 1, message)
    for (;;) {
      const next = this.early.get(this.revision + 1)
      if (next === undefined) return
      this.early.delete(this.revision + 1)
      if (next.op) this.received(this.revision + 1, next.op, false) // a submitted operation is the left one
      else if (this.inFlight !== null) this.acknowledged(this.revision + 1)
      else this.created()
    }
  }

  created () {
    this.revision = 1
    this.ready()
  }

  write (op, position) {
    const operation = position === 0 ? `["${marker(op)}"]` : `[${position},"${marker(op)}"]`
    this.link.send(
      `{"a":"op","c":"${COLLECTION}","d":"${this.room}","v":${this.revision},` +
      `"seq":${this.sequence++},"x":{},"op":${operation}}`)
  }
}
