-- KEYS  as in enter.lua
return redis.call('SMEMBERS', KEYS[3])
