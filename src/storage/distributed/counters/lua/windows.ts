/**
 * How the kinds of windows count in a row, in Lua: the same arithmetic as the embedded store's (../../../embedded/counters:
 * panes.ts, bucket.ts, calendar.ts, held.ts, which say why). Rows are small lists of numbers, packed by cmsgpack; all
 * numbers are whole and below 2^53, which doubles hold exactly. Not by `%`, which Lua 5.1 computes by a rounded division:
 * math.fmod is exact.
 *
 * An item is a list: 1 key of its row, 2 kind, 3–5 numbers of its window, 6 capacity; once booked 7 units booked, 8 mark,
 * 9 part. `mark` says where in the row the units are (pane, place in the queue, start of the period), `part` is the
 * bucket's: how many lie together there.
 *
 *     sliding    last pane, then pane and units by turns, ascending; only panes that hold any
 *     bucket     time, units queued, left over, units ever gone, rate, made at (tells it from an earlier row of its key)
 *     calendar   start, end, units, start before, units before
 *     held       units
 */
export const windowsLua = `
local MOST = 9007199254740991
local NEVER = -1
local floor, ceil, fmod, max, min = math.floor, math.ceil, math.fmod, math.max, math.min

local sliding = {}
local function paneMs(item) return ceil(item[3] / 60) end
local function ringOf(item) return ceil(item[3] / paneMs(item)) + 1 end
function sliding.ceiling(item) return item[6] end
function sliding.begin(item, now) return { floor(now / paneMs(item)) } end
function sliding.used(row, item, now)
  local first = max(row[1], floor(now / paneMs(item))) - ringOf(item) + 1
  local sum = 0
  for i = 2, #row, 2 do if row[i] >= first then sum = sum + row[i + 1] end end
  return sum
end
function sliding.untilFree(row, item, units, now)
  local ms, ring = paneMs(item), ringOf(item)
  local first = max(row[1], floor(now / ms)) - ring + 1
  local freed = 0
  for i = 2, #row, 2 do
    if row[i] >= first then
      freed = freed + row[i + 1]
      if freed >= units then return max(1, (row[i] + ring) * ms - now) end
    end
  end
  return NEVER
end
function sliding.advance(row, item, now)
  local pane = floor(now / paneMs(item))
  if pane <= row[1] then return end
  row[1] = pane
  local kept = 1
  for i = 2, #row, 2 do
    if row[i] > pane - ringOf(item) then
      row[kept + 1], row[kept + 2] = row[i], row[i + 1]
      kept = kept + 2
    end
  end
  for i = #row, kept + 1, -1 do row[i] = nil end
end
local function addToPane(row, item, pane, units)
  if pane <= row[1] - ringOf(item) then return 0 end
  local added = min(units, MOST - sliding.used(row, item, 0))
  if added == 0 then return 0 end
  local at = #row + 1
  for i = 2, #row, 2 do
    if row[i] >= pane then at = i break end
  end
  if row[at] == pane then
    row[at + 1] = row[at + 1] + added
    if row[at + 1] == 0 then table.remove(row, at) table.remove(row, at) end
  else
    table.insert(row, at, added)
    table.insert(row, at, pane)
  end
  return added
end
function sliding.book(row, item, units)
  item[8] = row[1]
  return addToPane(row, item, row[1], units)
end
function sliding.usedBeside(row, item, now)
  if item[8] <= max(row[1], floor(now / paneMs(item))) - ringOf(item) then return NEVER end
  return sliding.used(row, item, now)
end
function sliding.correct(row, item, change) return addToPane(row, item, item[8], change) end
function sliding.restore(row, item, at, units)
  sliding.advance(row, item, at)
  item[8] = floor(at / paneMs(item))
  return addToPane(row, item, item[8], units)
end
function sliding.lifeMs(row, item, now)
  return (max(row[1], floor(now / paneMs(item))) + ringOf(item)) * paneMs(item) - now
end

local bucket = {}
local function runOut(row, item, ms, rate)
  local window = item[3]
  local part = fmod(ms, window)
  local over = part * fmod(rate, window) + row[3]
  local rest = fmod(over, window)
  local wholes = (ms - part) / window * rate + part * floor(rate / window)
  return wholes + (over - rest) / window, rest
end
function bucket.ceiling(item) return item[4] end
function bucket.begin(item, now)
  local time = redis.call('TIME')
  return { now, 0, 0, 0, item[6], time[1] * 1000000 + time[2] }
end
local function queuedAt(row, item, now, rate)
  local ms = now - row[1]
  if ms <= 0 or row[2] == 0 then return row[2] end
  return max(0, row[2] - runOut(row, item, ms, rate))
end
function bucket.used(row, item, now) return queuedAt(row, item, now, item[6]) end
function bucket.untilFree(row, item, units, now)
  local rate = item[6]
  local before = min(runOut(row, item, max(0, now - row[1]), rate), row[2])
  if rate == 0 or before + units > row[2] then return NEVER end
  local untilMs = ceil((before + units) / rate * item[3])
  while untilMs > 0 and runOut(row, item, untilMs - 1, rate) >= before + units do untilMs = untilMs - 1 end
  while runOut(row, item, untilMs, rate) < before + units do untilMs = untilMs + 1 end
  return max(1, row[1] + untilMs - now)
end
local function leave(row, units)
  row[4] = row[4] + units
  row[2] = row[2] - units
end
function bucket.advance(row, item, now)
  local ms = now - row[1]
  if ms > 0 then
    local out, rest = runOut(row, item, ms, item[6])
    row[1] = now
    row[3] = out >= row[2] and 0 or rest
    leave(row, min(out, row[2]))
  end
  row[5] = item[6]
end
local function queue(row, item, units)
  local last = row[4] + row[2]
  local added = min(units, MOST - last)
  if added == 0 then return 0 end
  local together = item[8] == last and item[9] or 0
  item[8] = last + added
  item[9] = together + added
  row[2] = row[2] + added
  return added
end
function bucket.book(row, item, units)
  item[8], item[9], item[10] = -1, 0, row[6]
  return queue(row, item, units)
end
function bucket.usedBeside(row, item, now)
  if item[10] ~= row[6] then return NEVER end
  return queuedAt(row, item, now, row[5])
end
function bucket.correct(row, item, change)
  if item[10] ~= row[6] then return 0 end
  if change >= 0 then return queue(row, item, change) end
  local taken = max(0, min(-change, item[8] - row[4], item[9]))
  if taken > 0 then
    leave(row, taken)
    item[9] = item[9] - taken
  end
  return -taken
end
function bucket.restore(row, item, at, units)
  bucket.advance(row, item, at)
  return bucket.book(row, item, units)
end
function bucket.lifeMs(row, item, now)
  if row[2] == 0 then return 1 end
  local untilMs = bucket.untilFree(row, item, bucket.used(row, item, now), now)
  return untilMs == NEVER and FOREVER_MS or untilMs
end

local calendar = {}
local function startAt(item, now) return now < item[4] and item[3] or item[4] end
local function endAt(item, now) return now < item[4] and item[4] or item[5] end
function calendar.ceiling(item) return item[6] end
function calendar.begin(item, now) return { startAt(item, now), endAt(item, now), 0, NEVER, 0 } end
function calendar.used(row, item, now) return startAt(item, now) > row[1] and 0 or row[3] end
function calendar.untilFree(row, item, units, now)
  return calendar.used(row, item, now) < units and NEVER or max(1, row[2] - now)
end
function calendar.advance(row, item, now)
  local start = startAt(item, now)
  if start <= row[1] then return end
  row[1], row[2], row[3], row[4], row[5] = start, endAt(item, now), 0, row[1], row[3]
end
local function sumAt(row, start)
  if start == row[1] then return 3 end
  return start == row[4] and 5 or 0
end
local function addToPeriod(row, item, units)
  local at = sumAt(row, item[8])
  if at == 0 then return 0 end
  local added = min(units, MOST - row[at])
  row[at] = row[at] + added
  return added
end
function calendar.book(row, item, units)
  item[8] = row[1]
  return addToPeriod(row, item, units)
end
function calendar.usedBeside(row, item)
  local at = sumAt(row, item[8])
  return at == 0 and NEVER or row[at]
end
calendar.correct = addToPeriod
function calendar.restore(row, item, at, units)
  calendar.advance(row, item, at)
  item[8] = startAt(item, at)
  return addToPeriod(row, item, units)
end
-- The period after it, too, so that those who were admitted in this one still find it.
function calendar.lifeMs(row, item, now) return max(row[2], item[5]) - now end

local held = {}
function held.ceiling(item) return item[6] end
function held.begin() return { 0 } end
function held.used(row) return row[1] end
function held.untilFree() return NEVER end
function held.advance() end
local function hold(row, _, units)
  local added = min(units, MOST - row[1])
  row[1] = row[1] + added
  return added
end
held.book, held.correct = hold, hold
function held.usedBeside(row) return row[1] end
function held.restore(row, item, _, units) return hold(row, item, units) end
function held.lifeMs(row) return row[1] == 0 and 0 or FOREVER_MS end

local kinds = { S = sliding, B = bucket, C = calendar, H = held }
`;
