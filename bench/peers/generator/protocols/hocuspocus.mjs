// Hocuspocus speaks the Yjs sync protocol with the document's name before each message and a token before the rest.
import { sized, YjsClient } from './yjs.mjs'

const AUTH = 2
const TOKEN = 0
const AUTHENTICATED = 2
const SYNC_STATUS = 8

export class HocuspocusClient extends YjsClient {
  get path () {
    return '/'
  }

  envelope () {
    return [...sized(this.room), ...super.envelope()]
  }

  opened () {
    this.link.send(Buffer.from([...sized(this.room), AUTH, TOKEN, ...sized('bench')]))
  }

  frame (data, start, end) {
    const at = start + this.prefix.length - 1
    if (data[at] === SYNC_STATUS) {
      if (data[at + 1] !== 1) this.wrong('an update was refused')
    } else if (data[at] === AUTH) {
      if (data[at + 1] === AUTHENTICATED) this.begin()
      else this.closed('the token was refused')
    } else super.frame(data, start, end)
  }
}
