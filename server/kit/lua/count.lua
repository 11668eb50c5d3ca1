-- Counts in a fixed window, check and count in one act.
-- KEYS[1] counter; ARGV: limit, window in ms, step (1 takes, -1 gives back).
-- Returns 0 when it was counted, else the ms until the window ends (nothing is counted then).
local limit, window, step = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
if step < 0 then
  if count > 0 then redis.call('DECR', KEYS[1]) end
  return 0
end
if count >= limit then
  return math.max(redis.call('PTTL', KEYS[1]), 1)
end
if redis.call('INCR', KEYS[1]) == 1 then
  redis.call('PEXPIRE', KEYS[1], window)
end
return 0
