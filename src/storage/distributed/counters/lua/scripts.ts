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

const locals = `
local floor, ceil, fmod, max, min = math.floor, math.ceil, math.fmod, math.max, math.min
local NEVER, MOST, rows = -1, 9007199254740991, {}
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
  const now = `\nlocal function nowMs() return ${time} end\n`;
  const functions = [reservationsLua, windowsLua, now].flatMap(functionsIn);
  const named = Object.entries({ ...constants }).map(([name, value]) => `local ${name} = ${value}`);
  const scripts = Object.entries(bodies).map(([name, body]): [string, Script] => {
    const text = [...named, locals, ...needed(functions, body), body].join('\n');
    return [name, { name, text, sha1: createHash('sha1').update(text).digest('hex') }];
  });
  return Object.fromEntries(scripts) as unknown as Scripts;
}

interface LuaFunction {
  readonly name: string;
  readonly text: string;
}

function functionsIn(lua: string): LuaFunction[] {
  const texts = lua.replace(/^ *--.*$/gm, '').split(/\n(?=local function )/);
  return texts.flatMap((text) => {
    const name = /^local function (\w+)/.exec(text)?.[1];
    return name === undefined ? [] : [{ name, text: text.trim() }];
  });
}

/** The functions that a script calls, and those that they call, each before who calls it. */
function needed(functions: readonly LuaFunction[], body: string): string[] {
  const texts: string[] = [];
  const known = new Set<string>();
  function need(lua: string): void {
    for (const { name, text } of functions) {
      if (known.has(name) || !new RegExp(`\\b${name}\\(`).test(lua)) continue;
      known.add(name);
      need(text.slice(text.indexOf(')')));
      texts.push(text);
    }
  }
  need(body);
  return texts;
}
