import { isUtf8 } from 'node:buffer';
import { Fault } from '#core/fault.ts';
import { refuseHiddenKeys } from '#core/hidden-keys.ts';
import { graphqlCost, type Meter } from '#core/meter.ts';
import { parseJson } from '#core/parse-json.ts';
import { bodyLimit } from './body-limit.ts';
import type { Passage } from './passage.ts';
import { readBody } from './plain-body.ts';

/**
 * Finds out what a call says of what it will be billed by; its body is read only where that stands there.
 * @throws Fault where it does not say what the route cannot do without, or not the same to every reader.
 */
export async function meterCall(passage: Passage, meter: Meter): Promise<void> {
  const { exchange } = passage;
  exchange.meteredAs = meter.name;
  exchange.countedModel = meter.name;
  exchange.modelNames = [meter.name];
  const document = meter.readsRequest ? await documentOf(passage) : undefined;
  const cost = exchange.graphql ? { [graphqlCost]: exchange.graphql.cost } : {};
  passage.metered = { ...meter.ofRequest(exchange.head, document), ...cost };
  const lacking = meter.lacking(passage.metered, 'request');
  if (lacking !== null)
    throw new Fault(
      'request/invalid-field',
      `The request must say how many ${lacking} it is about: calls of this route are billed by them.`,
      { field: lacking },
    );
}

/** Undefined where there is none. */
async function documentOf(passage: Passage): Promise<unknown> {
  const { exchange } = passage;
  const { contentLength, upgrade } = exchange.head;
  if (contentLength === 0 || upgrade !== null) return undefined;
  let plain = passage.plainBody ?? (exchange.body === null ? passage.body : undefined);
  if (!plain) {
    const body = await readBody(exchange, bodyLimit(passage));
    passage.body = body.came;
    plain = body.plain;
  }
  if (!isUtf8(plain)) return undefined;
  let document: unknown;
  try {
    document = parseJson(plain.toString('utf8'));
  } catch {
    return undefined;
  }
  // The upstream is not to see another number than the one that is billed.
  refuseHiddenKeys(plain.toString('latin1'));
  return document;
}
