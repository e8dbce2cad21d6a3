import { createHash } from 'node:crypto';
import { debitLua, extendLua, inspectLua, reserveLua, settleLua } from './operations.ts';
import { reservationsLua } from './reservations.ts';
import {
  adoptLua,
  checkLua,
  endOwnerLua,
  forgetLua,
  publishLua,
  reapLua,
  renewLua,
  restoreLua,
} from './upkeep.ts';
import { windowsLua } from './windows.ts';

export interface Script {
  readonly name: string;
  readonly text: string;
  /** By which the server knows it once it has been loaded. */
  readonly sha1: string;
}

const dayMs = 86_400_000;
const constants = {
  /** Of what ends by being settled, should nobody be left to do it. */
  FOREVER_MS: 40 * dayMs,
  /** Rows stay a little longer than they count: a clock may go back. */
  SLACK_MS: 60_000,
  /** How long a settled id is refused: far longer than a reservation may be on its way. */
  CLOSED_MS: 10_000,
  ADOPTED_MS: 10 * 60_000,
  /** How long what a dead node had booked can still be settled by its id. */
  DEAD_MS: dayMs,
};

/** The store's own time, in whole milliseconds. */
const storeTime = `
local function storeMs()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
`;

const bodies = {
  reserve: reserveLua,
  extend: extendLua,
  debit: debitLua,
  settle: settleLua,
  inspect: inspectLua,
  check: checkLua,
  renew: renewLua,
  endOwner: endOwnerLua,
  reap: reapLua,
  adopt: adoptLua,
  restore: restoreLua,
  publish: publishLua,
  forget: forgetLua,
};

export type Scripts = Readonly<Record<keyof typeof bodies, Script>>;

/** @param time For tests: Lua of the time that windows go by. */
export function createScripts(time: string = 'storeMs()'): Scripts {
  const head = [
    ...Object.entries(constants).map(([name, value]) => `local ${name} = ${value}`),
    windowsLua,
    storeTime,
    `local function nowMs() return ${time} end`,
    reservationsLua,
  ].join('\n');
  const scripts = Object.entries(bodies).map(([name, body]): [string, Script] => {
    const text = head + body;
    return [name, { name, text, sha1: createHash('sha1').update(text).digest('hex') }];
  });
  return Object.fromEntries(scripts) as unknown as Scripts;
}
