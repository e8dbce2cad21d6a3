import type { JsonObject } from '#core/call.ts';
import type { Operation } from '#core/contracts/dialect.ts';
import type { KeptName, Keeping } from '#core/contracts/keeping.ts';
import { isObject } from '#core/read-json.ts';
import type { SseEvent } from '#core/sse-event.ts';
import { findNamed } from './vendor-ids.ts';

const response = (
  path: string,
  more: Omit<Operation & { readonly kind: 'kept' }, 'kind' | 'path'>,
): Operation[] => ['/v1', '/openai'].map((prefix) => ({ kind: 'kept', path: prefix + path, ...more }));

/**
 * Answers that were stored.
 * https://platform.openai.com/docs/api-reference/responses
 */
export const keptOperations: readonly Operation[] = [
  ...response('/responses/{id}', {
    method: 'GET',
    kept: {
      thing: 'response',
      verb: 'read',
      to: '/responses/{id}',
      query: ['include', 'include[]', 'include_obfuscation', 'starting_after', 'stream'],
    },
  }),
  ...response('/responses/{id}', {
    method: 'DELETE',
    kept: { thing: 'response', verb: 'delete', to: '/responses/{id}', query: [] },
  }),
  ...response('/responses/{id}/cancel', {
    method: 'POST',
    kept: { thing: 'response', verb: 'act', to: '/responses/{id}/cancel', query: [] },
  }),
  ...response('/responses/{id}/input_items', {
    method: 'GET',
    kept: {
      thing: 'response',
      verb: 'read',
      to: '/responses/{id}/input_items',
      query: ['after', 'before', 'include', 'include[]', 'limit', 'order'],
      lists: 'item',
    },
  }),
];

/** That the answer is kept, or made while nobody waits, is no name. */
const allows = ['store', 'background'];

const days = 24 * 3_600_000;

/** An answer is stored unless the call says otherwise, for 30 days by default: the record stays longer than the thing. */
export const keeping: Keeping = {
  keepsAnswer: (body) => body['store'] !== false || isBackground(body),
  allows,
  namesOf: (body) => findNamed(body).filter(({ path }) => !allows.includes(path)),
  background: {
    asked: isBackground,
    path: (id) => `/responses/${encodeURIComponent(id)}`,
    isDone: ({ status }) => status !== 'queued' && status !== 'in_progress',
    doneAtMs: ({ completed_at: at }) => (typeof at === 'number' ? at * 1000 : null),
  },
  keptIn,
  keptInEvent,
  answersForMs: 90 * days,
};

function isBackground(body: JsonObject): boolean {
  return body['background'] === true;
}

function keptIn(answer: JsonObject): KeptName[] {
  const names = nameOf(answer['id'], 'response');
  const output: unknown[] = Array.isArray(answer['output']) ? answer['output'] : [];
  for (const item of output) if (isObject(item)) names.push(...nameOf(item['id'], 'item'));
  return names;
}

const nameOf = (id: unknown, kind: string): KeptName[] =>
  typeof id === 'string' && id !== '' ? [{ id, kind }] : [];

/** Of the many events of a stream these name something; the end is where servers that tell little by little name it all. */
const naming =
  /"type" ?: ?"response\.(?:created|queued|output_item\.added|output_item\.done|completed|incomplete|failed)"/;

function keptInEvent({ data }: SseEvent): KeptName[] {
  if (!naming.test(data.length > 400 ? data.slice(0, 200) + data.slice(-200) : data)) return [];
  let body: unknown;
  try {
    body = JSON.parse(data);
  } catch {
    // The reader says so.
    return [];
  }
  if (!isObject(body)) return [];
  if (isObject(body['item'])) return nameOf(body['item']['id'], 'item');
  return isObject(body['response']) ? keptIn(body['response']) : [];
}
