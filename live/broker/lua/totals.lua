-- KEYS  1 counters
return redis.call('HGETALL', KEYS[1])
