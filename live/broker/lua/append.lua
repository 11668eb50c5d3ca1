-- Number, keep and publish a batch of one topic's facts in one act.
-- KEYS  1 meta {epoch, offset, node, from}, 2 stream and channel, 3… one idempotency key for each fact
-- ARGV  1 facts kept, 2 ms kept, 3 ms ids are remembered, 4 ms meta lives, 5 the epoch they have to be numbered in, or '',
--       6… one body for each fact
-- Answers one "epoch-offset" for each fact; an id seen before answers its first position and is not published again.
-- Answers nothing, having done nothing, where they would be numbered in another epoch than asked.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'node')
local epoch, offset = tonumber(meta[1]), tonumber(meta[2])
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local node = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')

local function text(number) return string.format('%.0f', number) end

-- Another server answers than the one that numbered last (restart, failover, data lost): facts that it never received
-- may have been delivered, so their numbers must not come again.
local function begin_epoch()
  local from = epoch and (text(epoch) .. '-' .. text(offset)) or ''
  epoch = math.max(now, (epoch or 0) + 1)
  offset = 0
  redis.call('HSET', KEYS[1], 'epoch', text(epoch), 'node', node, 'from', from)
end

local positions, fresh, first = {}, {}, nil
if ARGV[5] ~= '' and (meta[3] ~= node or meta[1] ~= ARGV[5]) then return positions end
for i = 3, #KEYS do
  local seen = redis.call('GET', KEYS[i])
  if seen then
    positions[#positions + 1] = seen
  else
    if not first and meta[3] ~= node then begin_epoch() end
    offset = offset + 1
    local body = ARGV[i + 3]
    local position = text(epoch) .. '-' .. text(offset)
    redis.call('XADD', KEYS[2], 'MAXLEN', '=', ARGV[1], position, 'b', body, 't', text(now))
    redis.call('SET', KEYS[i], position, 'PX', ARGV[3])
    first = first or position
    positions[#positions + 1] = position
    fresh[#fresh + 1] = body
  end
end
if first then
  redis.call('HSET', KEYS[1], 'offset', text(offset))
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
  redis.call('SPUBLISH', KEYS[2], 'f' .. first .. '\n' .. table.concat(fresh, '\n'))
end
return positions
