"""WebRTC media of live rooms: one host in by WHIP, any number of viewers out by WHEP, no encoding between."""
