-- Members are no longer in the room by way of this process. None named: all of them.
-- KEYS  as in enter.lua   ARGV  1 process, 2… members
if #ARGV == 1 then
  redis.call('DEL', KEYS[3], KEYS[4])
end
for i = 2, #ARGV do
  redis.call('SREM', KEYS[3], ARGV[i])
  redis.call('HDEL', KEYS[4], ARGV[i])
end
if redis.call('EXISTS', KEYS[3]) == 0 then redis.call('ZREM', KEYS[1], ARGV[1]) end
local t = redis.call('TIME')
redis.call('SET', KEYS[2], t[1] .. '.' .. t[2], 'PX', 86400000)
