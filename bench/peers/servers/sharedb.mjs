// ShareDB as its documentation sets it up: in memory, `ws`, the text type. Environment: HOST, PORT.
import http from 'node:http'
import WebSocketJSONStream from '@teamwork/websocket-json-stream'
import { type as text } from 'ot-text'
import ShareDB from 'sharedb'
import { WebSocketServer } from 'ws'

ShareDB.types.register(text)
ShareDB.logger.setMethods({ info: () => {} }) // otherwise every connection is a line of the log

const backend = new ShareDB()
const server = http.createServer((_request, response) => response.end('ready'))
const sockets = new WebSocketServer({ server })
sockets.on('connection', socket => backend.listen(new WebSocketJSONStream(socket)))
server.listen(Number(process.env.PORT), process.env.HOST)
