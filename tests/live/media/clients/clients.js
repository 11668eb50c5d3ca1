// Each is a library's own way to publish or to watch: `start` once, then `stop`. Those who watch show it in `player`.
import { WebRTCPlayer } from '@eyevinn/webrtc-player'
import { WHIPClient as EyevinnHost } from '@eyevinn/whip-web-client'
import { WHEPClient } from 'whip-whep/whep.js'
import { WHIPClient } from 'whip-whep/whip.js'

const player = document.querySelector('video')

class Eyevinn {
  async publish(url, token) {
    this.host = new EyevinnHost({ endpoint: url, opts: { authkey: token } })
    await this.host.setIceServersFromEndpoint()
    await this.host.ingest(await camera())
  }

  async watch(url, token) {
    this.player = new WebRTCPlayer({ video: player, type: 'whep', iceServers: [] })
    await this.player.load(new URL(url), `Bearer ${token}`)
  }

  stop() {
    return this.host ? this.host.destroy() : this.player.unload()
  }
}

class Medooze {
  async publish(url, token) {
    const connection = new RTCPeerConnection()
    const stream = await camera()
    for (const track of stream.getTracks()) {
      connection.addTransceiver(track, { direction: 'sendonly', streams: [stream] })
    }
    this.client = new WHIPClient()
    await this.client.publish(connection, url, token)
  }

  async watch(url, token) {
    const connection = new RTCPeerConnection()
    player.srcObject = new MediaStream()
    connection.ontrack = ({ track }) => player.srcObject.addTrack(track)
    for (const kind of ['audio', 'video']) connection.addTransceiver(kind, { direction: 'recvonly' })
    this.client = new WHEPClient()
    await this.client.view(connection, url, token)
  }

  stop() {
    return this.client.stop()
  }
}

function camera() {
  return navigator.mediaDevices.getUserMedia({ audio: true, video: true })
}

window.clients = { eyevinn: new Eyevinn(), medooze: new Medooze() }
