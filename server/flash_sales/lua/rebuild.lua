-- Lay the gate anew from the truth; an older epoch never replaces a newer one.
-- KEYS  1-3 as claim.lua   4, 5 what was staged for 2 and 3 (stage.lua); may be missing
-- ARGV  1 epoch   2 msgpack [field, value, ...] of the sale
-- Returns 1 when laid, 0 when a newer gate stands. A gate goes an hour after its sale's end, when claims find it closed.
local node = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local standing = redis.call('HMGET', KEYS[1], 'epoch', 'node')
if standing[1] and standing[2] == node and tonumber(standing[1]) >= tonumber(ARGV[1]) then
    redis.call('UNLINK', KEYS[4], KEYS[5])
    return 0
end
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3])
for i = 2, 3 do
    if redis.call('EXISTS', KEYS[i + 2]) == 1 then
        redis.call('RENAME', KEYS[i + 2], KEYS[i])
        redis.call('PERSIST', KEYS[i])
    end
end
redis.call('HSET', KEYS[1], unpack(cmsgpack.unpack(ARGV[2])))
redis.call('HSET', KEYS[1], 'node', node)
local ends, time = tonumber(redis.call('HGET', KEYS[1], 'ends_ms')), redis.call('TIME')
if ends > 0 then
    local gone = string.format('%.0f', math.max(ends, time[1] * 1000) + 3600000)
    for i = 1, 3 do redis.call('PEXPIREAT', KEYS[i], gone) end
end
return 1
