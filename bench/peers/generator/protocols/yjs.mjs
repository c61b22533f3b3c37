// Yjs clients without a Yjs document: each types at the end of its own run, and its updates are written directly.
//
// That is what a person who types makes of Yjs, and the cheapest case for its servers, which append to an item.
// The update format is V1 of https://github.com/yjs/yjs (src/utils/encoding.js).
import * as Y from 'yjs'
import { marker, MARKER_LENGTH } from '../ledger.mjs'
import { Client } from './base.mjs'

const ROOT = 'text'
const SYNC = 0
const STEP_1 = 0
const STEP_2 = 1
const UPDATE = 2
const CONTENT_STRING = 4
const HAS_ORIGIN = 0x80
const NOTHING_DELETED = 0
const EMPTY_STATE = [0]

/** `number` as a variable-length unsigned integer. */
export function varUint (number) {
  const bytes = []
  while (number > 127) {
    bytes.push(128 | (number % 128))
    number = Math.floor(number / 128)
  }
  return [...bytes, number]
}

/** `bytes` or an ASCII string behind its length. */
export function sized (bytes) {
  const content = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
  return [...varUint(content.length), ...content]
}

/** The part of a frame behind a variable-length size at `at`. */
function sizedPart (data, at) {
  let size = 0
  for (let factor = 1; ; factor *= 128) {
    const byte = data[at++]
    size += (byte & 127) * factor
    if (byte < 128) return Buffer.from(data.subarray(at, at + size))
  }
}

/** A client of `@y/websocket-server`: the path is the document, and the server begins with its step 1. */
export class YjsClient extends Client {
  constructor (...all) {
    super(...all)
    this.client = 0x10000000 + this.index * 7919 // as long on the wire as the random ids of Yjs
    this.clock = 0
    this.updates = []
    this.prefix = Buffer.from(this.envelope())
  }

  get path () {
    return `/${this.room}`
  }

  /** What comes before a message of the sync protocol. */
  envelope () {
    return [SYNC]
  }

  opened () {
    this.begin()
  }

  begin () {
    this.link.send(Buffer.from([...this.prefix, STEP_1, ...sized(EMPTY_STATE)]))
  }

  frame (data, start, end) {
    if (data[start + this.prefix.length - 1] !== SYNC) return
    const at = start + this.prefix.length
    if (data[at] === UPDATE) {
      this.deliver(data, at, end)
      if (this.sampled) this.updates.push(sizedPart(data, at + 1))
    } else if (data[at] === STEP_2) {
      if (this.sampled) this.updates.push(sizedPart(data, at + 1))
      this.ready()
    }
  }

  submit (op) {
    const place = this.clock === 0
      ? [CONTENT_STRING, 1, ...sized(ROOT)]
      : [CONTENT_STRING | HAS_ORIGIN, ...varUint(this.client), ...varUint(this.clock - 1)]
    const update = Buffer.from([
      1, 1, ...varUint(this.client), ...varUint(this.clock), ...place, ...sized(marker(op)), NOTHING_DELETED
    ])
    this.clock += MARKER_LENGTH
    if (this.sampled) this.updates.push(update)
    this.link.send(Buffer.concat([this.prefix, Buffer.from([UPDATE, ...varUint(update.length)]), update]))
  }

  text () {
    const document = new Y.Doc()
    for (const update of this.updates) Y.applyUpdate(document, update)
    return document.getText(ROOT).toString()
  }
}
