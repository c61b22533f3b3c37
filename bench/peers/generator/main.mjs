// One trial: connect, send at one rate, count and time what arrives. The settings are JSON in the first argument.
//
// Prints one JSON object a line: {"event": "connected" | "measuring" | "measured" | "result", …}.
import { Ledger, marker } from './ledger.mjs'
import { ConcordClient } from './protocols/concord.mjs'
import { ControlClient } from './protocols/control.mjs'
import { HocuspocusClient } from './protocols/hocuspocus.mjs'
import { ShareClient } from './protocols/sharedb.mjs'
import { YjsClient } from './protocols/yjs.mjs'
import { plannedAuthors, plannedTimes, random } from './schedule.mjs'

const CLIENTS = {
  concord: ConcordClient,
  control: ControlClient,
  hocuspocus: HocuspocusClient,
  sharedb: ShareClient,
  'y-websocket': YjsClient
}
const CONNECTING_MAX = 50
const JOIN_MS_MAX = 30000
const SETTLE_MS = 500
const DRAIN_MS_MAX = 5000
const SAMPLE_ROOM = 0

const sleep = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds))

function say (event, more = {}) {
  process.stdout.write(JSON.stringify({ event, ...more }) + '\n')
}

function within (promise, milliseconds, what) {
  let timer
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing for ${milliseconds} ms`)), milliseconds)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** Connects all, at most `CONNECTING_MAX` at a time. */
async function connect (clients) {
  const queue = [...clients]
  const worker = async () => {
    for (let client; (client = queue.shift()) !== undefined;) {
      await within(client.connect(), JOIN_MS_MAX, `connection ${client.index}`)
    }
  }
  await Promise.all(Array.from({ length: CONNECTING_MAX }, worker))
}

/** Sends what is due, until all is sent. How late the timer was is the lag of the generator. */
function send (ledger, clients) {
  return new Promise(resolve => {
    let op = 0
    const tick = () => {
      const now = performance.now() - ledger.begin
      for (; op < ledger.planned.length && ledger.planned[op] <= now; op++) {
        ledger.lag[op] = now - ledger.planned[op]
        clients[ledger.authors[op]].submit(op)
      }
      if (op < ledger.planned.length) setTimeout(tick, 1)
      else resolve()
    }
    tick()
  })
}

/** Says when the measured part begins and ends, and the CPU seconds and seconds this process took for it. */
async function measure (ledger, from, to) {
  const until = at => sleep(ledger.begin + at - performance.now())
  await until(from)
  say('measuring')
  const [cpu, begin] = [process.cpuUsage(), performance.now()]
  await until(to)
  const used = process.cpuUsage(cpu)
  say('measured')
  return (used.user + used.system) / 1000 / (performance.now() - begin)
}

/** Whether everybody in the sampled room, and one who comes now, has the same text with every operation once. */
async function compare (trial, clients, Client) {
  const room = clients.filter(client => client.sampled)
  const late = new Client(trial, trial.rooms * trial.perRoom, room[0].room, true)
  await within(late.connect(), JOIN_MS_MAX, 'the late reader')
  const expected = []
  trial.ledger.authors.forEach((author, op) => {
    if (clients[author].sampled) expected.push(marker(op))
  })
  const texts = [...room, late].map(client => client.text())
  if (texts[0] === null) return { texts: 0, equal: true, whole: true }
  return {
    texts: texts.length,
    equal: texts.every(text => text === texts[0]),
    whole: (texts[0].match(/@\d{7}/g) ?? []).sort().join() === expected.join() &&
      texts[0].length === expected.join('').length
  }
}

async function main () {
  const { subject, host, port, rooms, per_room: perRoom, rate, warmup_ms: from, measure_ms: length, seed, name } =
    JSON.parse(process.argv[2])
  const next = random(seed)
  const planned = plannedTimes(rate, from + length, next)
  const ledger = new Ledger(planned, plannedAuthors(planned.length, rooms * perRoom, next), perRoom)
  const trial = { host, port, rooms, perRoom, ledger }
  const Client = CLIENTS[subject]
  const clients = Array.from({ length: rooms * perRoom }, (_, index) => {
    const room = Math.floor(index / perRoom)
    return new Client(trial, index, `bench-${name}-${room}`, room === SAMPLE_ROOM)
  })
  const began = performance.now()
  await connect(clients.filter(client => client.index % perRoom === 0)) // the first one may have to create it
  await connect(clients.filter(client => client.index % perRoom !== 0))
  say('connected', { seconds: (performance.now() - began) / 1000 })
  await sleep(SETTLE_MS)
  ledger.begin = performance.now()
  const [cpu] = await Promise.all([measure(ledger, from, from + length), send(ledger, clients)])
  const patience = performance.now() + DRAIN_MS_MAX
  while (ledger.complete < planned.length && performance.now() < patience) await sleep(20)
  await sleep(100) // whoever sends twice gets the time to do so
  const summary = ledger.summary(from, from + length)
  const same = summary.missing === 0 ? await compare(trial, clients, Client) : null
  say('result', { ...summary, generator_cpu: cpu, sample: same, errors: ledger.errors })
  for (const client of clients) client.link.drop()
}

main().then(() => process.exit(0), error => {
  say('failed', { reason: error.message })
  process.exit(1)
})
