-- Add to counters and publish their totals.
-- KEYS  1 counters, 2 channel   ARGV  1 ms kept, then name, amount, the highest total the caller has seen; …
-- A counter that Redis lost goes on from the highest total that any caller remembers: it never runs backwards.
local lines = {}
for i = 2, #ARGV, 3 do
  local total = math.max(tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or '0'), tonumber(ARGV[i + 2])) + ARGV[i + 1]
  local text = string.format('%.0f', total)
  redis.call('HSET', KEYS[1], ARGV[i], text)
  lines[#lines + 1] = ARGV[i] .. ' ' .. text
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('SPUBLISH', KEYS[2], 'c\n' .. table.concat(lines, '\n'))
