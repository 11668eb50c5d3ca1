-- Take a line out of what newcomers are shown.
-- KEYS  1 recent lines   ARGV  1 the line's "id"
local taken = 0
for _, line in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local ok, said = pcall(cjson.decode, line)
  if ok and type(said) == 'table' and said.id == ARGV[1] then
    taken = taken + redis.call('LREM', KEYS[1], 1, line)
  end
end
return taken
