/**
 * One script an operation; each is one step, whatever else happens. ARGV[1] is the marker that the caller goes by; a script that
 * finds another answers `E` and does nothing. Answers are flat lists: a letter, then numbers (−1: never).
 */

/**
 * KEYS 3: what the owner holds places with, 4…: a row an item. ARGV: owner, id; then of each item kind, window ×3, capacity,
 * amount, least (−1: all).
 */
export const reserveLua = `
if not isCurrent() or not isPrimary() then return { 'E' } end
local now = nowMs()
local known, packed = openReservation(KEYS[2])
if known then return known[6] end
if packed then return { 'X' } end
local items, before, granted, refused, longest = {}, {}, {}, 0, 0
for i = 1, #KEYS - 3 do
  local at = 4 + (i - 1) * 7
  local item = itemAt(i + 3, at)
  local amount, least = tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
  local ceiling = ceilingOf(item)
  local taken = (before[item[1]] or 0) + usedAt(item, now)
  local needed = least < 0 and amount or min(least, amount)
  local excess = taken + needed - ceiling
  if excess <= 0 or needed == 0 then granted[i] = max(0, min(amount, ceiling - taken))
  else granted[i] = needed end
  if excess > 0 and not (needed == 0 and least >= 0) then
    local wait = needed > ceiling and NEVER or untilFree(item, excess, now)
    if refused == 0 or (longest ~= NEVER and (wait == NEVER or wait > longest)) then
      refused, longest = i, wait
    end
  end
  before[item[1]] = (before[item[1]] or 0) + granted[i]
  items[i] = item
end
if refused > 0 then return withStates({ 'R', refused - 1, longest }, items, now) end
local answer = { 'A', now }
for i = 1, #items do
  local item = items[i]
  if rowAt(item[1]) then advance(rowAt(item[1]), item, now) end
end
for i = 1, #items do
  local item = items[i]
  rows[item[1]] = rowAt(item[1]) or begin(item, now)
  item[7] = book(rowAt(item[1]), item, granted[i])
  answer[2 + i] = granted[i]
end
for i = 1, #items do saveRow(items[i], now) end
withStates(answer, items, now)
saveReservation(KEYS[2], { 1, now, 0, false, items, answer, ARGV[2] })
if holds(items) then redis.call('SADD', KEYS[3], ARGV[3]) end
return answer
`;

/** ARGV: step, then an amount an item. */
export const extendLua = `
if not isCurrent() or not isPrimary() then return { 'E' } end
local reservation = openReservation(KEYS[2])
if not reservation then return { 'N' } end
local step = tonumber(ARGV[2])
if step <= reservation[3] then
  return step == reservation[3] and reservation[4] or { 'N' }
end
local now = nowMs()
local answer = { 'A' }
for i, item in ipairs(reservation[5]) do
  local row = rowOf(item)
  local used = row and usedBeside(row, item, now) or NEVER
  local booked = 0
  if used ~= NEVER then
    booked = correct(row, item, min(tonumber(ARGV[2 + i]), max(0, ceilingOf(item) - used)))
    item[7] = item[7] + booked
  end
  answer[1 + i] = booked
end
for _, item in ipairs(reservation[5]) do saveRow(item, now) end
reservation[3], reservation[4] = step, answer
saveReservation(KEYS[2], reservation)
return answer
`;

/** ARGV: step, then an amount an item. */
export const debitLua = `
if not isCurrent() then return { 'E' } end
local reservation = openReservation(KEYS[2])
local step = tonumber(ARGV[2])
if not reservation or step <= reservation[3] then return { 'A' } end
local now = nowMs()
for i, item in ipairs(reservation[5]) do
  local row, amount = rowOf(item), tonumber(ARGV[2 + i])
  if row and amount > 0 then item[7] = item[7] + correct(row, item, amount) end
end
for _, item in ipairs(reservation[5]) do saveRow(item, now) end
reservation[3], reservation[4] = step, false
saveReservation(KEYS[2], reservation)
return { 'A' }
`;

/**
 * KEYS 3: what its owner holds places with. ARGV: id, then what was used of each item. What is not known is closed all the
 * same, so that a reservation that comes after its end books nothing.
 */
export const settleLua = `
if not isCurrent() then return { 'E' } end
local reservation, packed = openReservation(KEYS[2])
if reservation then
  local now = nowMs()
  for i, item in ipairs(reservation[5]) do
    local row = rowOf(item)
    if row then correct(row, item, tonumber(ARGV[2 + i]) - item[7]) end
  end
  for _, item in ipairs(reservation[5]) do saveRow(item, now) end
  if holds(reservation[5]) then redis.call('SREM', KEYS[3] .. reservation[7], ARGV[2]) end
end
if reservation or not packed then close(KEYS[2], CLOSED_MS) end
return { 'A' }
`;

/** KEYS 2…: rows. ARGV of each item: kind, window ×3, capacity. */
export const inspectLua = `
if not isCurrent() then return { 'E' } end
local now = nowMs()
local items = {}
for i = 1, #KEYS - 1 do items[i] = itemAt(i + 1, 2 + (i - 1) * 5) end
return withStates({ 'A' }, items, now)
`;
