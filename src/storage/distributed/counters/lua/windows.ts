/**
 * How the kinds of windows count in a row, in Lua: the same arithmetic as the embedded store's (../../../embedded/counters:
 * panes.ts, bucket.ts, calendar.ts, held.ts, which say why). Rows are small lists of numbers, packed by cmsgpack; all
 * numbers are whole and below 2^53, which doubles hold exactly. Not by `%`, which Lua 5.1 computes by a rounded division:
 * math.fmod is exact.
 *
 * An item is a list: 1 key of its row, 2 kind, 3–5 numbers of its window, 6 capacity; once booked 7 units booked, 8 mark,
 * 9 part, 10 row. `mark` says where in the row the units are (pane, end among all that were queued, start of the period), `part` is
 * the bucket's: how many lie together there; `row` tells its row from an earlier one of that key.
 *
 *     S  sliding    last pane, then pane and units by turns, ascending; only panes that hold any
 *     B  bucket     time, units queued, left over, units ever gone, rate, made at
 *     C  calendar   start, end, units, start before, units before
 *     H  held       units
 *
 * One function an operation, not one a kind: a script makes its functions anew each time that it runs, and has only those it needs.
 */
export const windowsLua = `
local function panes(item)
  local ms = ceil(item[3] / 60)
  return ms, ceil(item[3] / ms) + 1
end

-- Units that run out of an endless queue in so many ms after the row's time, and what is left of a unit.
local function runOut(row, item, ms, rate)
  local window = item[3]
  local part = fmod(ms, window)
  local over = part * fmod(rate, window) + row[3]
  local rest = fmod(over, window)
  return (ms - part) / window * rate + part * floor(rate / window) + (over - rest) / window, rest
end

local function periodAt(item, now)
  if now < item[4] then return item[3], item[4] end
  return item[4], item[5]
end

local function ceilingOf(item) return item[2] == 'B' and item[4] or item[6] end

local function begin(item, now)
  local kind = item[2]
  if kind == 'S' then return { floor(now / panes(item)) } end
  if kind == 'B' then
    local time = redis.call('TIME')
    return { now, 0, 0, 0, item[6], time[1] * 1000000 + time[2] }
  end
  if kind == 'H' then return { 0 } end
  local starts, ends = periodAt(item, now)
  return { starts, ends, 0, NEVER, 0 }
end

local function usedIn(row, item, now)
  local kind = item[2]
  if kind == 'S' then
    local ms, ring = panes(item)
    local first = max(row[1], floor(now / ms)) - ring + 1
    local sum = 0
    for i = 2, #row, 2 do if row[i] >= first then sum = sum + row[i + 1] end end
    return sum
  end
  if kind == 'B' then
    local ms = now - row[1]
    if ms <= 0 or row[2] == 0 then return row[2] end
    return max(0, row[2] - runOut(row, item, ms, item[6]))
  end
  if kind == 'H' then return row[1] end
  return periodAt(item, now) > row[1] and 0 or row[3]
end

local function untilGone(row, item, units, now)
  local kind = item[2]
  if kind == 'S' then
    local ms, ring = panes(item)
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
  if kind == 'B' then
    local rate = item[6]
    local before = min(runOut(row, item, max(0, now - row[1]), rate), row[2])
    if rate == 0 or before + units > row[2] then return NEVER end
    local ms = ceil((before + units) / rate * item[3])
    while ms > 0 and runOut(row, item, ms - 1, rate) >= before + units do ms = ms - 1 end
    while runOut(row, item, ms, rate) < before + units do ms = ms + 1 end
    return max(1, row[1] + ms - now)
  end
  if kind == 'H' or usedIn(row, item, now) < units then return NEVER end
  return max(1, row[2] - now)
end

local function advance(row, item, now)
  local kind = item[2]
  if kind == 'S' then
    local ms, ring = panes(item)
    local pane = floor(now / ms)
    if pane <= row[1] then return end
    row[1] = pane
    local kept = 1
    for i = 2, #row, 2 do
      if row[i] > pane - ring then
        row[kept + 1], row[kept + 2] = row[i], row[i + 1]
        kept = kept + 2
      end
    end
    for i = #row, kept + 1, -1 do row[i] = nil end
  elseif kind == 'B' then
    local ms = now - row[1]
    if ms > 0 then
      local out, rest = runOut(row, item, ms, item[6])
      row[1] = now
      row[3] = out >= row[2] and 0 or rest
      out = min(out, row[2])
      row[2], row[4] = row[2] - out, row[4] + out
    end
    row[5] = item[6]
  elseif kind == 'C' then
    local starts, ends = periodAt(item, now)
    if starts <= row[1] then return end
    row[1], row[2], row[3], row[4], row[5] = starts, ends, 0, row[1], row[3]
  end
end

-- Adds units where the item's mark says, if that counts still. Returns how many. None are added beyond 2^53 - 1.
local function put(row, item, units)
  local kind = item[2]
  if kind == 'S' then
    local _, ring = panes(item)
    local pane, at, sum = item[8], #row + 1, 0
    if pane <= row[1] - ring then return 0 end
    for i = #row - 1, 2, -2 do
      if row[i] > row[1] - ring then sum = sum + row[i + 1] end
      if row[i] >= pane then at = i end
    end
    local added = min(units, MOST - sum)
    if added == 0 then return 0 end
    if row[at] == pane then
      row[at + 1] = row[at + 1] + added
      if row[at + 1] == 0 then table.remove(row, at) table.remove(row, at) end
    else
      table.insert(row, at, added)
      table.insert(row, at, pane)
    end
    return added
  end
  if kind == 'B' then
    local last = row[4] + row[2]
    local added = min(units, MOST - last)
    if added == 0 then return 0 end
    item[9] = added + (item[8] == last and item[9] or 0)
    item[8] = last + added
    row[2] = row[2] + added
    return added
  end
  local at = 1
  if kind == 'C' then at = item[8] == row[1] and 3 or item[8] == row[4] and 5 or 0 end
  if at == 0 then return 0 end
  local added = min(units, MOST - row[at])
  row[at] = row[at] + added
  return added
end

local function book(row, item, units)
  item[8] = row[1]
  if item[2] == 'B' then item[8], item[9], item[10] = -1, 0, row[6] end
  return put(row, item, units)
end

-- What was used before is booked where it belongs, in an earlier pane or period.
local function bookAt(row, item, units, at)
  advance(row, item, at)
  if item[2] == 'B' or item[2] == 'H' then return book(row, item, units) end
  item[8] = item[2] == 'S' and floor(at / panes(item)) or periodAt(item, at)
  return put(row, item, units)
end

local function correct(row, item, change)
  if item[2] ~= 'B' then return put(row, item, change) end
  if item[10] ~= row[6] then return 0 end
  if change >= 0 then return put(row, item, change) end
  -- Only what has not run out: others would be given what was used.
  local taken = max(0, min(-change, item[8] - row[4], item[9]))
  row[2], row[4], item[9] = row[2] - taken, row[4] + taken, item[9] - taken
  return -taken
end

local function usedBeside(row, item, now)
  local kind = item[2]
  if kind == 'S' then
    local ms, ring = panes(item)
    if item[8] <= max(row[1], floor(now / ms)) - ring then return NEVER end
  elseif kind == 'B' then
    if item[10] ~= row[6] then return NEVER end
    local ms = now - row[1]
    return ms <= 0 and row[2] or max(0, row[2] - runOut(row, item, ms, row[5]))
  elseif kind == 'C' then
    return item[8] == row[1] and row[3] or item[8] == row[4] and row[5] or NEVER
  end
  return usedIn(row, item, now)
end

-- How long the row is to be kept; 0: no longer.
local function lifeMs(row, item, now)
  local kind = item[2]
  if kind == 'S' then
    local ms, ring = panes(item)
    return (max(row[1], floor(now / ms)) + ring) * ms - now
  end
  if kind == 'B' then
    if row[2] == 0 then return 1 end
    return row[5] == 0 and FOREVER_MS or ceil(row[2] / row[5] * item[3])
  end
  if kind == 'H' then return row[1] == 0 and 0 or FOREVER_MS end
  -- The period after it, too, so that those who were admitted in this one still find it.
  return max(row[2], item[5]) - now
end
`;
