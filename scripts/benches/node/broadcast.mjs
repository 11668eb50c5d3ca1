// The usual broadcast: what one connection says, all others are told. Prints its port.
import { WebSocket, WebSocketServer } from 'ws'

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, backlog: 4096, perMessageDeflate: false })
server.on('listening', () => console.log(server.address().port))
server.on('connection', (speaker) => {
  speaker.on('error', console.error)
  speaker.on('message', (line) => {
    for (const client of server.clients) {
      if (client !== speaker && client.readyState === WebSocket.OPEN) client.send(line, { binary: false })
    }
  })
})
