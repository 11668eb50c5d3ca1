-- The process is still alive. Answers how many members it has here; another number than its own means that some were
-- lost, and it enters them again.
-- KEYS  as in enter.lua   ARGV  1 process, 2 lease ms
local members = redis.call('SCARD', KEYS[3])
if members == 0 then return 0 end
local t = redis.call('TIME')
redis.call('ZADD', KEYS[1], t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[2], ARGV[1])
for _, key in ipairs({KEYS[1], KEYS[3], KEYS[4]}) do redis.call('PEXPIRE', key, ARGV[2]) end
return members
