-- Whether a writer may say a line now: so many in a sliding window, and so long after the last one (slow mode).
-- The same ref again costs nothing, so that a line whose answer was lost can be sent again.
-- KEYS  1 the writer's refs in the room, by time   ARGV  1 ref, 2 limit, 3 window in ms, 4 slow mode in ms, 5 ms kept
-- Answers {reason, ms to wait}: 0 said, 1 too many, 2 slow mode.
local key, ref = KEYS[1], ARGV[1]
local limit, window, slow, kept = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', key, '-inf', now - kept)
if redis.call('ZSCORE', key, ref) then return {0, 0} end
local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]
if last and now - last < slow then return {2, slow - (now - last)} end
local since = redis.call('ZRANGE', key, now - window, '+inf', 'BYSCORE', 'WITHSCORES')
if #since / 2 >= limit then return {1, since[2] + window - now} end
redis.call('ZADD', key, now, ref)
redis.call('PEXPIRE', key, kept)
return {0, 0}
