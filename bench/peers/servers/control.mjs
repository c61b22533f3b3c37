// The control: a server that does nothing but pass frames on to the other connections of a room.
//
// It knows no documents and decodes nothing, so what it reaches with the generator is a bound for the
// generator, not for servers. Every frame is its own write to every recipient: the recipient, which is the
// generator, gets the least favourable traffic. Environment: HOST, PORT.
import { createHash } from 'node:crypto'
import http from 'node:http'

const HANDSHAKE = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11' // RFC 6455, section 1.3
const rooms = new Map()

/** Sends every complete frame in `data` on, unmasked; returns what is left over. */
function forward (data, room, sender) {
  let at = 0
  while (data.length - at >= 6) {
    let length = data[at + 1] & 127
    let payload = at + 6
    if (length === 126) {
      if (data.length - at < 8) break
      length = data.readUInt16BE(at + 2)
      payload = at + 8
    }
    if (data.length < payload + length) break
    const header = length < 126 ? 2 : 4
    const frame = Buffer.allocUnsafe(header + length)
    frame[0] = data[at]
    if (header === 2) frame[1] = length
    else {
      frame[1] = 126
      frame.writeUInt16BE(length, 2)
    }
    for (let n = 0; n < length; n++) frame[header + n] = data[payload + n] ^ data[payload - 4 + (n & 3)]
    for (const member of room) if (member !== sender) member.write(frame)
    at = payload + length
  }
  return data.subarray(at)
}

const server = http.createServer((_request, response) => response.end('ready'))

server.on('upgrade', (request, socket) => {
  const key = createHash('sha1').update(request.headers['sec-websocket-key'] + HANDSHAKE).digest('base64')
  socket.setNoDelay(true)
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${key}\r\n\r\n`)
  if (!rooms.has(request.url)) rooms.set(request.url, new Set())
  const room = rooms.get(request.url)
  room.add(socket)
  let rest = Buffer.alloc(0)
  socket.on('data', data => {
    rest = forward(rest.length ? Buffer.concat([rest, data]) : data, room, socket)
  })
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    room.delete(socket)
    if (room.size === 0) rooms.delete(request.url)
  })
})

server.listen(Number(process.env.PORT), process.env.HOST)
