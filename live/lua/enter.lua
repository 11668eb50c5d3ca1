-- A member is in the room, by way of one process.
-- KEYS  1 leases (process → ms it ends), 2 version, 3 the process's members, 4 what is known of them
-- ARGV  1 process, 2 lease ms, 3 prefix of every process's members, then member, info; member, info; …
-- Answers how many of them no process had here before.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local processes = redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf')
local first = 0
for i = 4, #ARGV, 2 do
  local here = false
  for _, process in ipairs(processes) do
    here = here or redis.call('SISMEMBER', ARGV[3] .. process, ARGV[i]) == 1
  end
  if not here then first = first + 1 end
  redis.call('SADD', KEYS[3], ARGV[i])
  redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 1])
end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
for _, key in ipairs({KEYS[1], KEYS[3], KEYS[4]}) do redis.call('PEXPIRE', key, ARGV[2]) end
if first > 0 then redis.call('SET', KEYS[2], t[1] .. '.' .. t[2], 'PX', 86400000) end
return first
