-- Give back what claims took at the gate. Each id gives back once; a gate of another epoch has recounted already.
-- KEYS  as claim.lua     ARGV  1 epoch, or '' for whatever epoch it is   2 msgpack [[id, member], ...]
--                              3 '1': an order stands under the id, and whoever asks again is sent on to it
-- Returns how many gave something back.
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch or (ARGV[1] ~= '' and ARGV[1] ~= epoch) then return 0 end
local given = 0
for _, claim in ipairs(cmsgpack.unpack(ARGV[2])) do
    local packed = redis.call('HGET', KEYS[3], claim[1])
    if packed and packed ~= '' then
        if ARGV[3] == '1' then redis.call('HSET', KEYS[3], claim[1], '') else redis.call('HDEL', KEYS[3], claim[1]) end
        local units, device, lines = unpack(cmsgpack.unpack(packed))
        for j = 1, #lines, 2 do redis.call('HINCRBY', KEYS[1], 'free:' .. lines[j], lines[j + 1]) end
        redis.call('HINCRBY', KEYS[2], claim[2], -units)
        if device ~= '' then redis.call('HINCRBY', KEYS[2], 'd:' .. device, -units) end
        given = given + 1
    end
end
return given
