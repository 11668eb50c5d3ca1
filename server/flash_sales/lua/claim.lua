-- Decide a batch of claims on one sale.
-- KEYS  1 sale {epoch, open, limit, ends_ms, free:SKU...}   2 buyers {member → units}   3 keys {member:key → packed}
-- ARGV  1 msgpack [[id, member, [sku, quantity, sku, quantity...]], ...]
-- Returns msgpack [epoch, [code, ...], [units the member has, ...], {sku → free}] after the batch; code: 1 taken, 2 this
-- id was taken before, -1 not open, -2 limit, -3 stock, -4 an SKU that this sale doesn't have. An empty string when
-- there is no gate to ask.
local sale = redis.call('HMGET', KEYS[1], 'epoch', 'open', 'limit', 'ends_ms')
if not sale[1] then return '' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local open = sale[2] == '1' and now < tonumber(sale[4])
local limit = tonumber(sale[3])
local claims = cmsgpack.unpack(ARGV[1])

local ids, members, skus, sku_index = {}, {}, {}, {}
for i, claim in ipairs(claims) do
    ids[i], members[i] = claim[1], claim[2]
    for j = 1, #claim[3], 2 do
        local sku = claim[3][j]
        if not sku_index[sku] then
            skus[#skus + 1] = 'free:' .. sku
            sku_index[sku] = #skus
        end
    end
end
local seen = redis.call('HMGET', KEYS[3], unpack(ids))
local had = redis.call('HMGET', KEYS[2], unpack(members))
local free = redis.call('HMGET', KEYS[1], unpack(skus))
for i = 1, #skus do free[i] = free[i] and tonumber(free[i]) end

local codes, has_now, taken, new_keys, counts, this_batch = {}, {}, {}, {}, {}, {}
for i, claim in ipairs(claims) do
    local id, member, lines = claim[1], claim[2], claim[3]
    local quantity, enough, known = 0, true, true
    for j = 1, #lines, 2 do
        local left = free[sku_index[lines[j]]]
        quantity = quantity + lines[j + 1]
        if not left then known = false elseif left < lines[j + 1] then enough = false end
    end
    local has = counts[member] or tonumber(had[i] or '0')
    has_now[i] = has
    if seen[i] or this_batch[id] then codes[i] = 2
    elseif not known then codes[i] = -4
    elseif not open then codes[i] = -1
    elseif has + quantity > limit then codes[i] = -2
    elseif not enough then codes[i] = -3
    else
        codes[i] = 1
        this_batch[id] = true
        counts[member] = has + quantity
        for j = 1, #lines, 2 do
            local sku = sku_index[lines[j]]
            free[sku] = free[sku] - lines[j + 1]
            taken[sku] = (taken[sku] or 0) + lines[j + 1]
        end
        new_keys[#new_keys + 1] = id
        new_keys[#new_keys + 1] = cmsgpack.pack(lines)
    end
end
for sku, quantity in pairs(taken) do redis.call('HINCRBY', KEYS[1], skus[sku], -quantity) end
if #new_keys > 0 then
    redis.call('HSET', KEYS[3], unpack(new_keys))
    local totals = {}
    for member, count in pairs(counts) do
        totals[#totals + 1] = member
        totals[#totals + 1] = count
    end
    redis.call('HSET', KEYS[2], unpack(totals))
    local gone = string.format('%.0f', sale[4] + 3600000)  -- with the gate (rebuild.lua); these two may be new
    redis.call('PEXPIREAT', KEYS[2], gone)
    redis.call('PEXPIREAT', KEYS[3], gone)
end
local left = {}
for sku, index in pairs(sku_index) do left[sku] = free[index] or 0 end
return cmsgpack.pack({ sale[1], codes, has_now, left })
