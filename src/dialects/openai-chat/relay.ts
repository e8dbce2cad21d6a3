import type { JsonObject, Loss } from '#core/call.ts';
import type { OutputCap } from '#core/contracts/dialect.ts';
import type { Fault } from '#core/fault.ts';
import { isObject } from '#core/read-json.ts';
import { scanFields, spliceFields } from '#core/json.ts';
import type { Target } from '#core/target.ts';
import { caps, otherNames } from './other-names.ts';

/** What must change in a call that goes on in its own words. */
export function relayEdits(body: JsonObject, target: Target): Map<string, string | null> {
  const edits = new Map<string, string | null>();
  const { quirks } = target.provider;
  if (body['model'] !== target.model) edits.set('model', JSON.stringify(target.model));
  if (body['stream'] === true && quirks.asksUsage !== false) {
    const options = isObject(body['stream_options']) ? body['stream_options'] : {};
    // Merged: what the client asked for besides stays.
    if (options['include_usage'] !== true)
      edits.set('stream_options', JSON.stringify({ ...options, include_usage: true }));
  }
  for (const [field, json] of otherNames(body, quirks)) edits.set(field, json);
  for (const field of quirks.refusesFields ?? []) if (field in body) edits.set(field, null);
  return edits;
}

/** By the name that the provider takes, or those that the call has: of two names the lower bound counts. */
export function capOutput(body: JsonObject, maxTokens: number, { provider }: Target): OutputCap {
  const { maxTokensField } = provider.quirks;
  const given = caps.filter((name) => typeof body[name] === 'number');
  const names = maxTokensField ? [maxTokensField] : given.length > 0 ? given : ['max_completion_tokens'];
  const edits = names.map((name): [string, string] => {
    const own = body[name];
    return [name, JSON.stringify(typeof own === 'number' ? Math.min(own, maxTokens) : maxTokens)];
  });
  return { edits: new Map(edits), losses: [] };
}

/** What the provider would refuse, where it asks for something. That usage was asked for is told in another way. */
export const relayLosses = (body: JsonObject, { provider }: Target): Loss[] =>
  (provider.quirks.refusesFields ?? [])
    .filter((field) => field !== 'stream_options' && Boolean(body[field] ?? false))
    .map((field) => ({ field, reason: 'the target has no such setting' }));

/** Servers that know no `stream_options` refuse a call that has some (400, or 422 from validators). */
export function refusesAskedUsage(fault: Fault, body: JsonObject): boolean {
  const options = body['stream_options'];
  if (options !== undefined && options !== null) return false;
  const { field, upstreamBody } = fault.details;
  if (fault.code !== 'upstream/refused') return false;
  return (
    /stream_options|include_usage/.test(`${field ?? ''} ${fault.message}`) ||
    (upstreamBody !== undefined && Buffer.from(upstreamBody).includes('stream_options'))
  );
}

/** A chunk as it would have come had nobody asked for usage. Null: it would not have come. */
export function withoutUsage(data: string): string | null {
  if (!data.includes('"usage"')) return data;
  const chunk = JSON.parse(data) as JsonObject;
  if (!Object.hasOwn(chunk, 'usage')) return data;
  const choices = chunk['choices'];
  if (chunk['usage'] !== null && Array.isArray(choices) && choices.length === 0) return null;
  const bytes = Buffer.from(data, 'utf8');
  return spliceFields(bytes, scanFields(bytes.toString('latin1')), new Map([['usage', null]])).toString(
    'utf8',
  );
}
