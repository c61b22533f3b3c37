// The client's side of a WebSocket on a plain socket, with as little work per frame as possible.
//
// All connections read into one buffer, which is valid only during the callback, and a frame is handed on as
// (buffer, start, end). Frames in several fragments are refused: none of the servers sends them.
import net from 'node:net'

const TEXT = 0x81
const BINARY = 0x82
const CLOSE = 8
const PING = 9
const PONG = 0x8a
const received = Buffer.allocUnsafe(1 << 18)
// RFC 6455 wants an unpredictable mask, against proxies that misread traffic. There are none here. It must not
// be zero though: some servers skip the unmasking then, and would have less to do than with real clients.
const MASK = [0x37, 0xfa, 0x21, 0x3d]

/** When the data at hand was received; milliseconds on the clock of `performance.now()`. */
export const clock = { now: performance.now() }

/** A client's frame with `payload`, a string or a Buffer. */
export function encode (payload, opcode = typeof payload === 'string' ? TEXT : BINARY) {
  const size = Buffer.byteLength(payload)
  if (size > 65535) throw new Error(`a frame of ${size} bytes was not meant to be sent`)
  const header = size < 126 ? 6 : 8
  const frame = Buffer.allocUnsafe(header + size)
  frame[0] = opcode
  if (header === 6) frame[1] = 0x80 | size
  else {
    frame[1] = 0x80 | 126
    frame.writeUInt16BE(size, 2)
  }
  for (let n = 0; n < 4; n++) frame[header - 4 + n] = MASK[n]
  if (typeof payload === 'string') frame.write(payload, header)
  else payload.copy(frame, header)
  for (let n = 0; n < size; n++) frame[header + n] ^= MASK[n & 3]
  return frame
}

/** A connection. Its `protocol` gets `opened()`, `frame(buffer, start, end)` and `closed(reason)`. */
export class Link {
  constructor (host, port, path, protocol) {
    this.protocol = protocol
    this.path = path
    this.upgraded = false
    this.ended = false
    this.rest = null
    const take = (size, buffer) => this.take(size, buffer)
    this.socket = net.connect({ host, port, noDelay: true, onread: { buffer: received, callback: take } })
    this.socket.on('connect', () => this.socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n'))
    this.socket.on('error', error => this.end(error.message))
    this.socket.on('close', () => this.end('the server closed the connection'))
  }

  send (payload) {
    this.socket.write(encode(payload))
  }

  /** Closes without a word to the protocol. */
  drop () {
    this.ended = true
    this.socket.destroy()
  }

  end (reason) {
    if (this.ended) return
    this.drop()
    this.protocol.closed(reason)
  }

  take (size, buffer) {
    clock.now = performance.now()
    let data = buffer
    let end = size
    if (this.rest !== null) {
      data = Buffer.concat([this.rest, buffer.subarray(0, size)])
      end = data.length
      this.rest = null
    }
    let at = 0
    if (!this.upgraded) {
      at = this.upgrade(data, end)
      if (at === 0 && !this.ended) this.rest = Buffer.from(data.subarray(0, end))
      if (at === 0) return true
    }
    while (at < end && !this.ended) {
      const next = this.frame(data, at, end)
      if (next === 0) {
        this.rest = Buffer.from(data.subarray(at, end))
        break
      }
      at = next
    }
    return true
  }

  /** The end of the answer to the upgrade, 0 if it is not complete. */
  upgrade (data, end) {
    const head = data.latin1Slice(0, end)
    const length = head.indexOf('\r\n\r\n')
    if (length < 0) return 0
    if (!head.startsWith('HTTP/1.1 101 ')) {
      this.end(`the upgrade was refused: ${head.slice(0, head.indexOf('\r\n'))}`)
      return 0
    }
    this.upgraded = true
    this.protocol.opened()
    return length + 4
  }

  /** Hands on the frame at `at`; where the next one begins, 0 if this one is not complete. */
  frame (data, at, end) {
    if (end - at < 2) return 0
    let length = data[at + 1]
    let start = at + 2
    if (length === 126) {
      start = at + 4
      if (start > end) return 0
      length = (data[at + 2] << 8) | data[at + 3]
    } else if (length === 127) {
      start = at + 10
      if (start > end) return 0
      length = Number(data.readBigUInt64BE(at + 2))
    }
    const stop = start + length
    if (stop > end) return 0
    if (data[at] === TEXT || data[at] === BINARY) this.protocol.frame(data, start, stop)
    else this.control(data, at, start, stop)
    return stop
  }

  control (data, at, start, stop) {
    const opcode = data[at] & 15
    if (opcode === PING) this.socket.write(encode(Buffer.from(data.subarray(start, stop)), PONG))
    else if (opcode === CLOSE) {
      const code = stop - start >= 2 ? data.readUInt16BE(start) : 'no code'
      this.end(`closed by the server: ${code} ${data.utf8Slice(Math.min(start + 2, stop), stop)}`)
    } else if ((data[at] & 0xf0) !== 0x80 || opcode < 8) this.end(`a frame beginning with ${data[at]}`)
  }
}
