-- Put a part of a gate's lists aside, for rebuild.lua; what is never used is gone in a minute.
-- KEYS  1 the staged hash     ARGV  1 msgpack [field, value or [units, device, lines], ...]
local flat, part = cmsgpack.unpack(ARGV[1]), {}
for i = 1, #flat do part[i] = type(flat[i]) == 'table' and cmsgpack.pack(flat[i]) or flat[i] end
redis.call('HSET', KEYS[1], unpack(part))
redis.call('PEXPIRE', KEYS[1], 60000)
