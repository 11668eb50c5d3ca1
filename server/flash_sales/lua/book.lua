-- Book claims that PostgreSQL granted by itself, as it does for the waitlist. Each id books once.
-- KEYS  as claim.lua     ARGV  1 as claim.lua
-- Returns how many were new. A crowd may have taken the units here meanwhile: the count goes below zero until PostgreSQL
-- has refused it.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local booked = 0
for _, claim in ipairs(cmsgpack.unpack(ARGV[1])) do
    local id, member, device, units, lines = unpack(claim)
    if redis.call('HSETNX', KEYS[3], id, cmsgpack.pack({ units, device, lines })) == 1 then
        for j = 1, #lines, 2 do redis.call('HINCRBY', KEYS[1], 'free:' .. lines[j], -lines[j + 1]) end
        redis.call('HINCRBY', KEYS[2], member, units)
        if device ~= '' then redis.call('HINCRBY', KEYS[2], 'd:' .. device, units) end
        booked = booked + 1
    end
end
if booked > 0 then  -- these two may be new; they go with the gate
    local gone = redis.call('PEXPIRETIME', KEYS[1])
    if gone > 0 then
        redis.call('PEXPIREAT', KEYS[2], gone)
        redis.call('PEXPIREAT', KEYS[3], gone)
    end
end
return booked
