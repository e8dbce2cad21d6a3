import type { OtlpDestination } from '#core/telemetry.ts';
import { encodeProtobuf, type MessageJson } from './encode-protobuf.ts';
import { exportRequests } from './fields.ts';

export interface EncodedRequest {
  readonly contentType: string;
  readonly body: Buffer;
}

/** One request of a signal, in the encoding that its receiver takes. */
export function encodeRequest(
  json: MessageJson,
  { signal, encoding }: Pick<OtlpDestination, 'signal' | 'encoding'>,
): EncodedRequest {
  return encoding === 'json'
    ? { contentType: 'application/json', body: Buffer.from(JSON.stringify(json)) }
    : { contentType: 'application/x-protobuf', body: encodeProtobuf(json, exportRequests[signal]) };
}

/**
 * How many of what was sent a receiver has refused, though it took the others (`partial_success`). 0 where it does not say, or says
 * something else.
 */
export function rejectedIn(body: Buffer, encoding: OtlpDestination['encoding']): number {
  try {
    return encoding === 'json' ? rejectedInJson(body) : rejectedInProtobuf(body);
  } catch {
    return 0;
  }
}

function rejectedInJson(body: Buffer): number {
  const { partialSuccess = {} } = JSON.parse(body.toString()) as {
    partialSuccess?: Record<string, unknown>;
  };
  const [count] = Object.entries(partialSuccess).filter(([name]) => name.startsWith('rejected'));
  return Math.max(0, Number(count?.[1] ?? 0)) || 0;
}

/** Field 1 of the answer is a message whose field 1 is the count, of every signal. */
function rejectedInProtobuf(body: Buffer): number {
  if (body[0] !== 0x0a) return 0;
  const { value: length, end } = varintAt(body, 1);
  const inner = body.subarray(end, end + length);
  return inner[0] === 0x08 ? varintAt(inner, 1).value : 0;
}

function varintAt(bytes: Buffer, from: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let at = from, factor = 1; at < bytes.length; at++, factor *= 128) {
    value += (bytes[at]! & 0x7f) * factor;
    if (bytes[at]! < 0x80) return { value, end: at + 1 };
  }
  throw new RangeError('a number without an end');
}
