-- A ballot in Redis, as tools/dev/compare-redis casts it: the latest one of each voter counts, and everybody who subscribes
-- is shown the tally. KEYS: the voters' choices, the tally. ARGV: the voter, any number for the choice of four.
local choice = 'choice' .. ARGV[2] % 4
local before = redis.call('HGET', KEYS[1], ARGV[1])
if before == choice then
    return 0
end
redis.call('HSET', KEYS[1], ARGV[1], choice)
redis.call('HINCRBY', KEYS[2], choice, 1)
if before then
    redis.call('HINCRBY', KEYS[2], before, -1)
end
redis.call('PUBLISH', KEYS[2], table.concat(redis.call('HGETALL', KEYS[2]), ' '))
return 1
