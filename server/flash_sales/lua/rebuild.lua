-- Lay the gate anew from the truth; an older epoch never replaces a newer one.
-- KEYS  as claim.lua
-- ARGV  1 epoch   2 msgpack [field, value, ...] of the sale   3 msgpack [member, units, ...]   4 msgpack [id, lines, ...]
-- Returns 1 when laid, 0 when a newer gate stands. A gate goes an hour after its sale's end, when claims find it closed.
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if epoch and tonumber(epoch) >= tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
local function lay(key, flat, pack)
    for from = 1, #flat, 1000 do
        local part = {}
        for i = from, math.min(from + 999, #flat) do
            part[#part + 1] = (pack and i % 2 == 0) and cmsgpack.pack(flat[i]) or flat[i]
        end
        if #part > 0 then redis.call('HSET', key, unpack(part)) end
    end
end
lay(KEYS[2], cmsgpack.unpack(ARGV[3]), false)
lay(KEYS[3], cmsgpack.unpack(ARGV[4]), true)
lay(KEYS[1], cmsgpack.unpack(ARGV[2]), false)
local ends, time = tonumber(redis.call('HGET', KEYS[1], 'ends_ms')), redis.call('TIME')
if ends > 0 then
    local gone = math.max(ends, time[1] * 1000) + 3600000
    for _, key in ipairs(KEYS) do redis.call('PEXPIREAT', key, string.format('%.0f', gone)) end
end
return 1
