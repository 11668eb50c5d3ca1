-- Which node has a room's media: the one that has it, as long as it may, else the one that is wished for.
-- KEYS  1 the room's node   ARGV  1 wished for   2 seconds that this is remembered   3… those that may have it
local holder = redis.call('GET', KEYS[1])
for i = 3, #ARGV do
  if ARGV[i] == holder then
    redis.call('EXPIRE', KEYS[1], ARGV[2])
    return holder
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return ARGV[1]
