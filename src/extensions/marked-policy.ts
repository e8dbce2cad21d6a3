import type { TSchema } from 'typebox';
import type { PolicyDefinition } from './policy-definition.ts';

/** In the registry of the process: a policy that was defined by another copy of this module is one, too. */
const mark = Symbol.for('sluice.policy/1');

const hooks = ['state', 'onHead', 'onCall', 'limits', 'onAnswer', 'onEvent', 'onEnd', 'onSettled'] as const;
const members = new Set<string>([
  ...hooks,
  ...['name', 'description', 'schema', 'reads', 'writes', 'timeoutMs', 'isolated'],
]);
const readable = ['conversation', 'body', 'events'];
const writable = ['request', 'answer', 'events'];
const longestTimeoutMs = 60_000;

/** @throws TypeError that says what is wrong with it. */
export function markPolicy<Schema extends TSchema, State>(
  definition: PolicyDefinition<Schema, State>,
): PolicyDefinition<Schema, State> {
  if (typeof definition !== 'object' || definition === null)
    throw new TypeError('definePolicy takes an object');
  const { name } = definition;
  if (typeof name !== 'string' || !/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(name) || name.length > 64)
    throw new TypeError(
      `name: expected lower-case letters, digits and hyphens, got ${JSON.stringify(name) ?? 'nothing'}`,
    );
  const problem = problemOf(definition as unknown as PolicyDefinition);
  if (problem !== null) throw new TypeError(`policy "${name}": ${problem}`);
  return Object.freeze({ ...definition, [mark]: 1 });
}

export const isPolicy = (value: unknown): value is PolicyDefinition =>
  typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[mark] === 1;

function problemOf(definition: PolicyDefinition): string | null {
  const unknown = Object.keys(definition).find((key) => !members.has(key));
  if (unknown !== undefined) return `there is no "${unknown}"; there are ${[...members].join(', ')}`;
  const noFunction = hooks.find(
    (hook) => definition[hook] !== undefined && typeof definition[hook] !== 'function',
  );
  if (noFunction) return `${noFunction}: expected a function`;
  const { schema, reads = [], writes = [], timeoutMs = 1000, isolated = false } = definition;
  if (typeof schema !== 'object' || schema === null || (schema as { type?: unknown }).type !== 'object')
    return 'schema: expected one of an object, such as Type.Object({})';
  const misread = wrongIn(reads, readable);
  if (misread !== null) return `reads: ${misread}`;
  const miswritten = wrongIn(writes, writable);
  if (miswritten !== null) return `writes: ${miswritten}`;
  if (!(timeoutMs >= 1 && timeoutMs <= longestTimeoutMs))
    return `timeoutMs: expected a number from 1 to ${longestTimeoutMs}`;
  if (isolated) {
    const sync = (['limits', 'onAnswer', 'onEvent', 'onEnd', 'state'] as const).find(
      (hook) => definition[hook],
    );
    if (sync) return `${sync}: not where it is isolated; that has onHead, onCall and onSettled`;
    if (reads.includes('events')) return 'reads: an isolated policy cannot read events';
  }
  const readsEvents = reads.includes('events');
  if (readsEvents && !definition.onEvent) return 'reads: "events" is for onEvent, which is missing';
  if (!readsEvents && (definition.onEvent ?? definition.onEnd)) return `onEvent: needs reads: ['events']`;
  if (writes.includes('events') && !readsEvents) return `writes: "events" needs reads: ['events']`;
  return null;
}

function wrongIn(given: unknown, known: readonly string[]): string | null {
  if (!Array.isArray(given)) return `expected a list of ${known.join(', ')}`;
  const wrong: unknown = given.find((one) => !known.includes(one as string));
  return wrong === undefined ? null : `expected ${known.join(', ')}, got ${JSON.stringify(wrong)}`;
}
