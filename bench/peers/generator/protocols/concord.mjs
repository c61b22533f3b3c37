// Concord's protocol (docs/protocol.md). Environment: JWT_SECRET.
import { createHmac } from 'node:crypto'
import { marker } from '../ledger.mjs'
import { TurnClient } from './turns.mjs'

const LIFETIME_S = 3600
const COMMITTED = Buffer.from('{"type":"committed","revision":')
const ACK = Buffer.from('{"type":"ack","revision":')

const base64url = text => Buffer.from(text).toString('base64url')

/** A token that may edit every document of the benchmark. */
function token (user) {
  const now = Math.floor(Date.now() / 1000)
  const claims = { sub: user, jti: user, iat: now, exp: now + LIFETIME_S, documents: { 'bench-*': 'editor' } }
  const signed = `${base64url('{"alg":"HS256","typ":"JWT"}')}.${base64url(JSON.stringify(claims))}`
  return `${signed}.${createHmac('sha256', process.env.JWT_SECRET).update(signed).digest('base64url')}`
}

/** The number at `at`. */
function digits (data, at) {
  let number = 0
  for (let digit; (digit = data[at] - 48) >= 0 && digit <= 9; at++) number = number * 10 + digit
  return number
}

const begins = (data, start, end, prefix) =>
  end - start > prefix.length && prefix.compare(data, start, start + prefix.length) === 0

export class ConcordClient extends TurnClient {
  constructor (...all) {
    super(...all)
    this.site = `${this.room}-${this.index}`
    this.sequence = 0
    this.last = ''
  }

  get path () {
    return '/ws'
  }

  opened () {
    this.link.send(JSON.stringify({ type: 'hello', version: 1, site: this.site, token: token(this.site) }))
  }

  frame (data, start, end) {
    // Without a document to keep, the two usual messages need not be decoded.
    if (begins(data, start, end, COMMITTED)) {
      this.deliver(data, start, end)
      if (this.sampled) this.message(JSON.parse(data.utf8Slice(start, end)))
      else this.received(digits(data, start + COMMITTED.length))
    } else if (begins(data, start, end, ACK)) this.acknowledged(digits(data, start + ACK.length))
    else {
      const message = JSON.parse(data.utf8Slice(start, end))
      if (message.type === 'committed') this.deliver(data, start, end)
      this.message(message)
    }
  }

  message (message) {
    switch (message.type) {
      case 'welcome':
        this.link.send(JSON.stringify({ type: 'join', document: this.room, epoch: 1 }))
        break
      case 'joined':
        this.revision = message.revision
        this.content = message.snapshot ?? ''
        this.ready()
        break
      case 'committed':
        this.received(message.revision, message.operation.ops, message.site < this.site)
        break
      case 'ack':
        this.acknowledged(message.revision)
        break
      case 'error':
        if (message.code === 'busy') setTimeout(() => this.link.send(this.last), message.retry_after_ms)
        else this.closed(`${message.code}: ${message.detail}`)
        break
      case 'peer':
      case 'left':
        break
      default:
        this.wrong(`unexpected ${message.type}`)
    }
  }

  write (op, position, length) {
    this.sequence++
    const ops = position === 0 ? `["${marker(op)}"]` : `[${position},"${marker(op)}"]`
    this.last =
      `{"type":"submit","base":${this.revision},"first":${this.sequence},"last":${this.sequence},` +
      `"operation":{"length":${length},"ops":${ops}}}`
    this.link.send(this.last)
  }
}
