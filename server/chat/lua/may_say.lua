-- One viewer's lines in a room: KEYS[1] counts them within a window of ARGV[2] ms, which begins with the first.
-- Answers 0 when this line is one of the first ARGV[1], else the ms until the window ends.
local said = redis.call('INCR', KEYS[1])
if said == 1 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
if said <= tonumber(ARGV[1]) then
  return 0
end
local left = redis.call('PTTL', KEYS[1])
if left < 0 then -- a window without an end can't be left by a crash of ours, but would silence for ever
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  left = tonumber(ARGV[2])
end
return left
