import type { Origin } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import type { Timeouts } from '#core/target.ts';
import { nameOf } from './connection-fault.ts';

type TimeoutName = keyof Timeouts;

const kinds = {
  connectMs: ['upstream/connect-timeout', 'was to accept a connection within', 'it did not'],
  responseHeaderMs: ['upstream/header-timeout', 'was to begin its answer within', 'nothing came'],
  idleMs: ['upstream/idle-timeout', 'was to go on within', 'it stood still'],
  totalMs: ['upstream/total-timeout', 'was to be done within', 'it was not'],
} as const;

/** The fault for a timeout that has run out, in words that say which setting decides. */
export function timeoutFault(name: TimeoutName, ms: number, origin: Origin): Fault {
  const [code, expected, came] = kinds[name];
  const advice = `Raise "timeouts.${name.slice(0, -2)}" if it may take longer.`;
  return new Fault(code, `${nameOf(origin)} ${expected} ${ms} ms, but ${came}. ${advice}`);
}
