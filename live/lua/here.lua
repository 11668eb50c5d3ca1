-- Who is in the room.
-- KEYS  1 leases   ARGV  1 prefix of what each process knows of its members
-- Answers member, info, member, info, …; a member of two processes comes twice.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local answer = {}
for _, process in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf')) do
  for _, part in ipairs(redis.call('HGETALL', ARGV[1] .. process)) do answer[#answer + 1] = part end
end
return answer
