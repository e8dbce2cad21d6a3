/** Scripts beside the path of calls: leases, and counters that are built anew. */

/** What stands here, for whoever connects. */
export const checkLua = `
local info = redis.call('INFO', 'replication')
local isMaster = string.find(info, 'role:master', 1, true) and 1 or 0
return {
  redis.call('GET', KEYS[1]) or '', isMaster, string.match(info, 'master_replid:(%w+)') or '', storeMs(),
}
`;

/** KEYS 2: owners, 3: what it holds places with. ARGV: owner, lease in ms. Answers one owner whose lease has ended, or ''. */
export const renewLua = `
if not isCurrent() then return { 'E' } end
local now = storeMs()
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[3]), ARGV[2])
redis.call('PEXPIRE', KEYS[2], FOREVER_MS)
redis.call('PEXPIRE', KEYS[3], FOREVER_MS)
return { 'A', redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. string.format('%.0f', now), 'LIMIT', 0, 1)[1] or '' }
`;

/** KEYS 2: owners. ARGV: owner. Its lease ends now: whoever held it is dead. */
export const endOwnerLua = `
if not isCurrent() then return { 'E' } end
redis.call('ZADD', KEYS[2], 'XX', 0, ARGV[2])
return { 'A' }
`;

/**
 * Frees places that a dead owner held; what else it had booked stays, and can be settled by its id for as long as the reservation
 * is kept. KEYS 2: owners, 3: what it holds places with. ARGV: owner, how the keys of reservations begin, most at once.
 * Answers whether there is more.
 */
export const reapLua = `
if not isCurrent() then return { 'E' } end
local ends = redis.call('ZSCORE', KEYS[2], ARGV[2])
if not ends or tonumber(ends) >= storeMs() then return { 'A', 0 } end
local ids = redis.call('SPOP', KEYS[3], ARGV[4])
for _, id in ipairs(ids) do
  local key = ARGV[3] .. id
  local reservation = openReservation(key)
  if reservation then
    for _, item in ipairs(reservation[5]) do
      local row = rowAt(item[1])
      if row and item[2] == 'H' then
        item[7] = item[7] + correct(row, item, -item[7])
        saveRow(item, nowMs())
      end
    end
    saveReservation(key, reservation)
    redis.call('PEXPIRE', key, DEAD_MS)
  end
end
if #ids == tonumber(ARGV[4]) then return { 'A', 1 } end
redis.call('ZREM', KEYS[2], ARGV[2])
return { 'A', 0 }
`;

/**
 * Books what was reserved elsewhere (in counters that are lost, or by a node on its own), whatever the capacity. KEYS and ARGV
 * as for reserve, with, before the items: 1 where it is still open, and when it was admitted; items have no least amount.
 */
export const adoptLua = `
if not isCurrent() then return { 'E' } end
if redis.call('EXISTS', KEYS[2]) == 1 then return { 'A' } end
local now, isOpen, at = nowMs(), ARGV[4] == '1', tonumber(ARGV[5])
local items = {}
for i = 1, #KEYS - 3 do
  local argument = 6 + (i - 1) * 6
  local item = itemAt(i + 3, argument)
  rows[item[1]] = rowAt(item[1]) or begin(item, at)
  if isOpen or item[2] ~= 'H' then
    item[7] = bookAt(rows[item[1]], item, tonumber(ARGV[argument + 5]), at)
  end
  items[i] = item
end
for i = 1, #items do saveRow(items[i], now) end
if isOpen then
  saveReservation(KEYS[2], { 1, at, 0, false, items, { 'A', at }, ARGV[2] })
  if holds(items) then redis.call('SADD', KEYS[3], ARGV[3]) end
else close(KEYS[2], ADOPTED_MS) end
return { 'A' }
`;

/** KEYS 1: the lock of who rebuilds, 2…: rows. ARGV: its token, ms; of each row kind, window ×3, capacity, at, units. */
export const restoreLua = `
if not isCurrent() then return { 'E' } end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local now = nowMs()
for i = 2, #KEYS do
  local argument = 3 + (i - 2) * 7
  local item = itemAt(i, argument)
  local at = tonumber(ARGV[argument + 5])
  rows[item[1]] = rowAt(item[1]) or begin(item, at)
  bookAt(rows[item[1]], item, tonumber(ARGV[argument + 6]), at)
  saveRow(item, now)
end
return { 'A' }
`;

/** KEYS 1: the lock, 2: the marker. ARGV: token, epoch, replication id, ms until it opens, when the ledger was read. */
export const publishLua = `
if not isCurrent() or not isServer(ARGV[3]) then return { 'E' } end
local opens = storeMs() + tonumber(ARGV[4])
redis.call('SET', KEYS[2], table.concat({ ARGV[2], ARGV[3], string.format('%.0f', opens), ARGV[5] }, ' '))
redis.call('DEL', KEYS[1])
return { 'A' }
`;

/** Nobody counts any more until the counters are built anew. */
export const forgetLua = `
if not isCurrent() then return { 'E' } end
redis.call('DEL', KEYS[1])
return { 'A' }
`;
