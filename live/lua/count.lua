-- How many members are in the room, over all processes whose lease holds.
-- KEYS  1 leases, 2 version   ARGV  1 version known, 2 prefix of every process's members
-- Answers {version, count}, or {version} when nothing changed since.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. now) > 0 then
  redis.call('SET', KEYS[2], t[1] .. '.' .. t[2], 'PX', 86400000)
end
local version = redis.call('GET', KEYS[2]) or ''
local sets = {}
for _, process in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do sets[#sets + 1] = ARGV[2] .. process end
if #sets == 0 then return {version, 0} end -- also when the last lease took the list of leases with it
if version == ARGV[1] and version ~= '' then return {version} end
if #sets == 1 then return {version, redis.call('SCARD', sets[1])} end
return {version, #redis.call('SUNION', unpack(sets))}
