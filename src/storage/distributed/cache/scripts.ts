import { createHash } from 'node:crypto';

/**
 * What is done to an entry, each in one step. An entry is one hash: its state, whose it is, and the parts of its value (`p0`, `p1`,
 * …). A claim lives as long as its owner does: a key that expires unless it is renewed.
 */

/** A running call may outlive its key's lifetime, and its entry with it; nothing runs this long. */
const runningMs = 86_400_000;

const locals = `
local function nowMs()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function isHis(holder)
  local entry = redis.call('HMGET', KEYS[1], 'state', 'holder')
  return (entry[1] == 'claimed' or entry[1] == 'begun') and entry[2] == holder
end
local function dropParts()
  for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    if string.match(field, '^p%d+$') then redis.call('HDEL', KEYS[1], field) end
  end
end
-- It stays until its lifetime ends.
local function close(state)
  local left = tonumber(redis.call('HGET', KEYS[1], 'until')) - nowMs()
  if left < 1 then return redis.call('DEL', KEYS[1]) end
  redis.call('HSET', KEYS[1], 'state', state)
  redis.call('PEXPIRE', KEYS[1], left)
end
`;

const bodies = {
  /** KEYS: entry, owner. ARGV: holder, owner, mark, lifetime, lease, what stands before an owner. */
  claim: `
local entry = redis.call('HMGET', KEYS[1], 'state', 'holder', 'mark', 'owner', 'until')
local state = entry[1]
if state == 'claimed' or state == 'begun' then
  if redis.call('EXISTS', ARGV[6] .. entry[4]) == 1 then state = 'running'
  elseif state == 'begun' then state = 'lost'
  else state = false end
end
local now = nowMs()
if state and (state == 'running' or tonumber(entry[5]) > now) then return { state, entry[2], entry[3] } end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'state', 'claimed', 'holder', ARGV[1], 'owner', ARGV[2], 'mark', ARGV[3],
  'until', string.format('%d', now + ARGV[4]))
redis.call('PEXPIRE', KEYS[1], ARGV[4] + ${runningMs})
redis.call('SET', KEYS[2], '1', 'PX', ARGV[5])
return { 'claimed', ARGV[1], ARGV[3] }`,
  /** KEYS: entry, owner. ARGV: holder, lease. */
  begin: `
if not isHis(ARGV[1]) then return { 0 } end
redis.call('HSET', KEYS[1], 'state', 'begun')
redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
return { 1 }`,
  /** KEYS: entry. ARGV: holder, field, bytes. */
  put: `
if isHis(ARGV[1]) then redis.call('HSETNX', KEYS[1], ARGV[2], ARGV[3]) end
return { 1 }`,
  /** KEYS: entry. ARGV: holder, about, field, bytes. */
  keep: `
if not isHis(ARGV[1]) then return { 0 } end
redis.call('HSET', KEYS[1], 'about', ARGV[2], ARGV[3], ARGV[4])
close('kept')
return { 1 }`,
  /** KEYS: entry. ARGV: holder, state. */
  end: `
if not isHis(ARGV[1]) then return { 0 } end
if ARGV[2] == 'free' then redis.call('DEL', KEYS[1])
else
  dropParts()
  close(ARGV[2])
end
return { 1 }`,
  /** KEYS: entry. ARGV: holder. */
  get: `
local entry = redis.call('HMGET', KEYS[1], 'state', 'holder', 'about')
if entry[1] ~= 'kept' or entry[2] ~= ARGV[1] then return {} end
local found = { entry[3] }
for number = 0, redis.call('HLEN', KEYS[1]) do
  local part = redis.call('HGET', KEYS[1], 'p' .. number)
  if not part then break end
  found[#found + 1] = part
end
return found`,
  /** KEYS: owner. ARGV: lease. */
  renew: `
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return { 1 }`,
  /** KEYS: check. ARGV: what all nodes must agree upon. */
  agree: `
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return { redis.call('GET', KEYS[1]) }`,
};

export type CacheScripts = typeof cacheScripts;

const scriptOf = (name: keyof typeof bodies) => {
  const text = `${locals}${bodies[name]}`;
  return { name, text, sha1: createHash('sha1').update(text).digest('hex') };
};

export const cacheScripts = {
  claim: scriptOf('claim'),
  begin: scriptOf('begin'),
  put: scriptOf('put'),
  keep: scriptOf('keep'),
  end: scriptOf('end'),
  get: scriptOf('get'),
  renew: scriptOf('renew'),
  agree: scriptOf('agree'),
};
