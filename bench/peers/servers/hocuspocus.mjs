// Hocuspocus without extensions: documents live in memory only. Environment: HOST, PORT.
import { Server } from '@hocuspocus/server'

const server = new Server({
  address: process.env.HOST,
  port: Number(process.env.PORT),
  quiet: true,
  stopOnSignals: true
})
await server.listen()
