-- Publish lines of talk, unnumbered, and keep the last few that have an "id" for whoever joins. (Inside a text the
-- quotes are escaped, so the search finds the field only.)
-- KEYS  1 recent lines, 2 channel   ARGV  1 lines kept, 2 ms kept, 3… lines
for i = 3, #ARGV do
  if string.find(ARGV[i], '"id":', 1, true) then redis.call('RPUSH', KEYS[1], ARGV[i]) end
end
redis.call('LTRIM', KEYS[1], -ARGV[1], -1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('SPUBLISH', KEYS[2], 't\n' .. table.concat(ARGV, '\n', 3))
