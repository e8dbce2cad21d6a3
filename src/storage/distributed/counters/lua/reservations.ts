/**
 * What all scripts begin with: whether the counters are those that the caller believes in, rows, and reservations.
 *
 * KEYS[1] is the marker: `epoch replication-id opens-at read-at`. A server that was restarted or promoted has another replication
 * id than the one it was written under (https://redis.io/docs/latest/operate/oss_and_stack/management/replication/), and one that lost its
 * data has no marker. Either way nothing is counted until somebody has rebuilt the counters.
 *
 * A reservation is a list: 1 open (1) or closed (0), 2 admitted at, 3 last step, 4 what that step booked (of an extension), 5 its
 * items, 6 what was answered, 7 owner.
 */
export const reservationsLua = `
local function isCurrent() return redis.call('GET', KEYS[1]) == ARGV[1] end

-- The marker may have come to this server with the data of another: only where it was written is all that was booked since.
local function isServer(id)
  local info = redis.call('INFO', 'replication')
  return string.find(info, 'role:master', 1, true) and string.find(info, 'master_replid:' .. id, 1, true)
end

local function isPrimary() return isServer(string.match(ARGV[1], '^%S+ (%S+)')) end

local function storeMs()
  local time = redis.call('TIME')
  return time[1] * 1000 + floor(time[2] / 1000)
end

-- False: there is none. Read once in a script.
local function rowAt(key)
  if rows[key] == nil then
    local packed = redis.call('GET', key)
    rows[key] = packed and cmsgpack.unpack(packed) or false
  end
  return rows[key]
end

-- Of what is held there is no row while nothing is.
local function rowOf(item)
  if not rowAt(item[1]) and item[2] == 'H' then rows[item[1]] = { 0 } end
  return rowAt(item[1])
end

local function usedAt(item, now)
  local row = rowAt(item[1])
  return row and usedIn(row, item, now) or 0
end

local function untilFree(item, units, now)
  local row = rowAt(item[1])
  return row and untilGone(row, item, units, now) or NEVER
end

local function saveRow(item, now)
  local key, row = item[1], rows[item[1]]
  if not row then return end
  local life = lifeMs(row, item, now)
  if life == 0 then redis.call('DEL', key)
  else redis.call('SET', key, cmsgpack.pack(row), 'PX', min(FOREVER_MS, max(0, life) + SLACK_MS)) end
end

local function itemAt(n, argument)
  return {
    KEYS[n], ARGV[argument], tonumber(ARGV[argument + 1]), tonumber(ARGV[argument + 2]),
    tonumber(ARGV[argument + 3]), tonumber(ARGV[argument + 4]), 0, 0, 0, 0,
  }
end

local function holds(items)
  for i = 1, #items do if items[i][2] == 'H' then return true end end
  return false
end

-- Of each item what is left, and until when.
local function withStates(answer, items, now)
  for _, item in ipairs(items) do
    local used = usedAt(item, now)
    answer[#answer + 1] = max(0, ceilingOf(item) - used)
    answer[#answer + 1] = used == 0 and 0 or untilFree(item, 1, now)
  end
  return answer
end

-- And whether anything is known under its key.
local function openReservation(key)
  local packed = redis.call('GET', key)
  local known = packed and cmsgpack.unpack(packed)
  return known and known[1] == 1 and known or nil, packed
end

local function saveReservation(key, reservation)
  redis.call('SET', key, cmsgpack.pack(reservation), 'PX', FOREVER_MS)
end

local function close(key, ms) redis.call('SET', key, cmsgpack.pack({ 0 }), 'PX', ms) end
`;
