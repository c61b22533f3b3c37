// Frames that a server passes on as they are.
import { marker } from '../ledger.mjs'
import { Client } from './base.mjs'

export class ControlClient extends Client {
  get path () {
    return `/${this.room}`
  }

  opened () {
    this.ready()
  }

  frame (data, start, end) {
    this.deliver(data, start, end)
  }

  submit (op) {
    // As long as the other protocols' messages.
    this.link.send(`{"type":"submit","room":"${this.room}","author":${this.index},"insert":"${marker(op)}"}`)
  }
}
