-- Budgets that replicas share. The arithmetic is that of proxy/limits/gcra.py, operation by operation, so that both sides agree to the bit.
-- The only argument is a line of words: reserve or settle; now in seconds, or - for this server's clock; how long a lease lives, seconds;
-- then some words for each key. (One argument, because a client takes a microsecond to send each.)
local words = {}
for word in string.gmatch(ARGV[1], "%S+") do
  words[#words + 1] = word
end
local now = tonumber(words[2])
if not now then
  local clock = redis.call("TIME")
  now = tonumber(clock[1]) + tonumber(clock[2]) / 1e6
end
local lease_ttl = tonumber(words[3])
local TOLERANCE_S = 1e-6
local MARGIN_S = 60 -- a key outlives its debt by this much, in case a promoted replica's clock is behind
local LONGEST_S = 366 * 86400

local function exact(number)
  return string.format("%.17g", number)
end

local function keep(key, tat)
  redis.call("SET", key, exact(tat), "PX", math.ceil(math.min(tat - now + MARGIN_S, LONGEST_S) * 1000))
end

local function hold(key, lease)
  redis.call("ZADD", key, exact(now + lease_ttl), lease)
  redis.call("PEXPIRE", key, math.ceil((lease_ttl + MARGIN_S) * 1000))
end

local function owed_until(key)
  return tonumber(redis.call("GET", key) or 0)
end

-- For each key: cost, rate, burst, 1 for a shadow limit or 0, lease to take or -, leases that ended (with a comma after each) or -.
-- Returns now and, for each key, its state before the spend: when it is full again, or how many leases are open.
local function reserve()
  local states, passes, denied, reply = {}, {}, false, { exact(now) }
  for i, key in ipairs(KEYS) do
    local at = 3 + (i - 1) * 6
    local cost, rate, burst = tonumber(words[at + 1]), tonumber(words[at + 2]), tonumber(words[at + 3])
    if rate > 0 then
      local tat = owed_until(key)
      local owed = tat > now and tat - now or 0
      states[key] = tat
      passes[i] = owed + cost / rate - burst / rate <= TOLERANCE_S
      reply[i + 1] = exact(tat)
    else
      for lease in string.gmatch(words[at + 6], "([^,]+),") do
        redis.call("ZREM", key, lease)
      end
      redis.call("ZREMRANGEBYSCORE", key, "-inf", exact(now))
      local taken = redis.call("ZCARD", key)
      passes[i] = burst - taken >= 1
      reply[i + 1] = tostring(taken)
    end
    denied = denied or (not passes[i] and words[at + 4] == "0")
  end
  if denied then
    return reply
  end
  for i, key in ipairs(KEYS) do
    local at = 3 + (i - 1) * 6
    local rate = tonumber(words[at + 2])
    if passes[i] and rate > 0 then
      states[key] = math.max(states[key], now) + tonumber(words[at + 1]) / rate
      keep(key, states[key])
    elseif passes[i] then
      hold(key, words[at + 5])
    end
  end
  return reply
end

-- The last key holds the number of the last batch of one process, the last word this batch's: a batch told twice is applied once.
-- For each other key: what to do, and with how many seconds of refill or which lease.
local settling = {
  spend = function(key, seconds)
    keep(key, math.max(owed_until(key), now) + tonumber(seconds))
  end,
  refund = function(key, seconds)
    local tat = owed_until(key)
    if tat > now then
      keep(key, math.max(tat - tonumber(seconds), now))
    end
  end,
  raise = function(key, seconds)
    local tat = now + tonumber(seconds)
    if tat > owed_until(key) then
      keep(key, tat)
    end
  end,
  finish = function(key, lease)
    redis.call("ZREM", key, lease)
  end,
  hold = hold,
}

if words[1] == "reserve" then
  return reserve()
end
local batches, number = KEYS[#KEYS], words[#words]
if tonumber(redis.call("GET", batches) or 0) >= tonumber(number) then
  return { exact(now) }
end
redis.call("SET", batches, number, "EX", 86400)
for i = 1, #KEYS - 1 do
  pcall(settling[words[2 + i * 2]], KEYS[i], words[3 + i * 2]) -- a key that somebody else wrote costs its own change, not the batch
end
return { exact(now) }
