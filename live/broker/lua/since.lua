-- The facts after a position, or that they can't be given without a hole.
-- KEYS  1 meta, 2 stream   ARGV  1 epoch, 2 offset, 3 at most, 4 ms kept
-- Answers {tail, 1 when there is a gap, id, body, id, body, …}, or nothing for a topic that nobody knows.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'from')
if not meta[1] then return {} end
local tail = meta[1] .. '-' .. meta[2]
local at = ARGV[1] .. '-' .. ARGV[2]
if at == tail then return {tail, 0} end

local found = redis.call('XRANGE', KEYS[2], '(' .. at, '+', 'COUNT', ARGV[3])
if #found == 0 then return {tail, 1} end

-- Trimming takes the oldest first: with the position itself still there, or its successor next, nothing is missing.
local successor = ARGV[1] .. '-' .. string.format('%.0f', ARGV[2] + 1)
local joined = found[1][1] == successor
  or (at == meta[3] and found[1][1] == meta[1] .. '-1')
  or #redis.call('XRANGE', KEYS[2], at, at) == 1
if not joined then return {tail, 1} end

local t = redis.call('TIME')
local oldest = t[1] * 1000 + math.floor(t[2] / 1000) - ARGV[4]
if tonumber(found[1][2][4]) < oldest then return {tail, 1} end

local answer = {tail, 0}
for _, entry in ipairs(found) do
  answer[#answer + 1] = entry[1]
  answer[#answer + 1] = entry[2][2]
end
return answer
