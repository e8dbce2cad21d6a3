import { Fault } from '#core/fault.ts';
import { valuesOf, type RequestHead } from '#core/head.ts';
import { parseDictionary, type BareItem, type InnerList } from './structured-field.ts';

/** A signature of a request, before it is known to be right. */
export interface GivenSignature {
  readonly covered: InnerList;
  readonly keyId: string;
  readonly createdS: number;
  readonly expiresS: number | null;
  readonly nonce: string | null;
  readonly signature: Buffer;
}

/**
 * The one signature of a request (RFC 9421 §4).
 * @throws Fault `auth/unknown-credential` for what is none, or for several: which of them counts, nobody could tell.
 */
export function readSignature(head: RequestHead): GivenSignature {
  const inputs = parseDictionary(valuesOf(head.headers, 'signature-input').join(', '));
  const signatures = parseDictionary(valuesOf(head.headers, 'signature').join(', '));
  if (!inputs || !signatures) throw unreadable('The signature headers are not well-formed (RFC 9421).');
  if (inputs.size !== 1 || signatures.size !== 1)
    throw unreadable(
      `Signature-Input names ${inputs.size} signatures, and Signature ${signatures.size}. Send one.`,
    );
  const [[label, covered]] = [...inputs] as [[string, NonNullable<ReturnType<typeof inputs.get>>]];
  const given = signatures.get(label);
  if (!('items' in covered) || !given || !('value' in given) || !Buffer.isBuffer(given.value))
    throw unreadable(`"${label}" is no list of components in Signature-Input, or no signature in Signature.`);
  const { parameters } = covered;
  const keyId = parameters.get('keyid');
  const created = parameters.get('created');
  if (typeof keyId !== 'string' || typeof created !== 'number')
    throw unreadable('The signature says neither which key made it, nor when, or not both (keyid, created).');
  if ((parameters.get('alg') ?? 'hmac-sha256') !== 'hmac-sha256')
    throw unreadable('The only algorithm understood is "hmac-sha256".');
  return {
    covered,
    keyId,
    createdS: created,
    expiresS: numberOrNone(parameters.get('expires')),
    nonce: textOrNone(parameters.get('nonce')),
    signature: given.value,
  };
}

function numberOrNone(value: BareItem | undefined): number | null {
  if (value === undefined || typeof value === 'number') return value ?? null;
  throw unreadable('"expires" is a number of seconds.');
}

function textOrNone(value: BareItem | undefined): string | null {
  if (value === undefined || (typeof value === 'string' && value !== '' && value.length <= 256))
    return value ?? null;
  throw unreadable('"nonce" is a text of 1 to 256 characters.');
}

const unreadable = (message: string): Fault => new Fault('auth/unknown-credential', message);
