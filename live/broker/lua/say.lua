-- Publish lines of talk, unnumbered, and keep the last few for whoever joins.
-- KEYS  1 recent lines, 2 channel   ARGV  1 lines kept, 2 ms kept, 3… lines
for i = 3, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i]) end
redis.call('LTRIM', KEYS[1], -ARGV[1], -1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('SPUBLISH', KEYS[2], 't\n' .. table.concat(ARGV, '\n', 3))
