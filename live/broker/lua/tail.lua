-- The position after the topic's last fact; a topic that nobody wrote to gets its first epoch here, so that a client
-- can come back to "before the first fact".
-- KEYS  1 meta   ARGV  1 ms meta lives
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
local epoch, offset = meta[1], meta[2]
if not epoch then
  local t = redis.call('TIME')
  epoch = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))
  offset = '0'
  local node = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'offset', offset, 'node', node, 'from', '')
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return epoch .. '-' .. offset
