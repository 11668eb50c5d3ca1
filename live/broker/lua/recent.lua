-- KEYS  1 recent lines
return redis.call('LRANGE', KEYS[1], 0, -1)
