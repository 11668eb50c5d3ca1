-- Decide a batch of claims on one sale.
-- KEYS  1 sale {epoch, node, state, limit, opens_ms, ends_ms, free:SKU...}   2 buyers {member → units, d:device → units}
--       3 keys {member:key → packed [units, device, lines]; '' once it was given back}
-- ARGV  1 msgpack [[id, member, device or '', units, [sku, quantity, sku, quantity...]], ...]
-- Returns msgpack [epoch, state, limit, opens_ms, ends_ms, [code, ...], [units the buyer has, ...], {sku → free}] after
-- the batch; code: 1 taken, 2 this id was taken before, -1 not open, -2 limit, -3 stock, -4 an SKU that this sale doesn't
-- have. An empty string when there is no gate to ask: none was laid, or it was laid at a server that has begun anew since
-- (a restart may bring an older gate back).
local sale = redis.call('HMGET', KEYS[1], 'epoch', 'node', 'state', 'limit', 'opens_ms', 'ends_ms')
if not sale[1] then return '' end
if sale[2] ~= string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') then return '' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local open = sale[3] == 'open' and now < tonumber(sale[6])
local limit = tonumber(sale[4])
local claims = cmsgpack.unpack(ARGV[1])

local ids, buyers, skus, sku_index = {}, {}, {}, {}
for i, claim in ipairs(claims) do
    ids[i], buyers[2 * i - 1], buyers[2 * i] = claim[1], claim[2], 'd:' .. claim[3]
    local lines = claim[5]
    for j = 1, #lines, 2 do
        if not sku_index[lines[j]] then
            skus[#skus + 1] = 'free:' .. lines[j]
            sku_index[lines[j]] = #skus
        end
    end
end
local seen = redis.call('HMGET', KEYS[3], unpack(ids))
local had = redis.call('HMGET', KEYS[2], unpack(buyers))
local free = redis.call('HMGET', KEYS[1], unpack(skus))
for i = 1, #skus do free[i] = free[i] and tonumber(free[i]) end

local codes, has_now, taken, new_keys, counts, this_batch = {}, {}, {}, {}, {}, {}
for i, claim in ipairs(claims) do
    local id, member, device, units, lines = unpack(claim)
    local enough, known = true, true
    for j = 1, #lines, 2 do
        local left = free[sku_index[lines[j]]]
        if not left then known = false elseif left < lines[j + 1] then enough = false end
    end
    local by_device = device ~= '' and buyers[2 * i] or nil
    local has = counts[member] or tonumber(had[2 * i - 1] or '0')
    local device_has = by_device and (counts[by_device] or tonumber(had[2 * i] or '0')) or 0
    has_now[i] = math.max(has, device_has)
    if seen[i] or this_batch[id] then codes[i] = 2
    elseif not known then codes[i] = -4
    elseif not open then codes[i] = -1
    elseif has_now[i] + units > limit then codes[i] = -2
    elseif not enough then codes[i] = -3
    else
        codes[i] = 1
        this_batch[id] = true
        counts[member] = has + units
        if by_device then counts[by_device] = device_has + units end
        for j = 1, #lines, 2 do
            local sku = sku_index[lines[j]]
            free[sku] = free[sku] - lines[j + 1]
            taken[sku] = (taken[sku] or 0) + lines[j + 1]
        end
        new_keys[#new_keys + 1] = id
        new_keys[#new_keys + 1] = cmsgpack.pack({ units, device, lines })
    end
end
for sku, quantity in pairs(taken) do redis.call('HINCRBY', KEYS[1], skus[sku], -quantity) end
if #new_keys > 0 then
    redis.call('HSET', KEYS[3], unpack(new_keys))
    local totals = {}
    for buyer, count in pairs(counts) do
        totals[#totals + 1] = buyer
        totals[#totals + 1] = count
    end
    redis.call('HSET', KEYS[2], unpack(totals))
    local gone = string.format('%.0f', sale[6] + 3600000)  -- with the gate (rebuild.lua); these two may be new
    redis.call('PEXPIREAT', KEYS[2], gone)
    redis.call('PEXPIREAT', KEYS[3], gone)
end
local left = {}
for sku, index in pairs(sku_index) do left[sku] = free[index] end
return cmsgpack.pack({ sale[1], sale[3], limit, tonumber(sale[5]), tonumber(sale[6]), codes, has_now, left })
