import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { headerOf, valuesOf, type RequestHead } from '#core/head.ts';
import { parseDuration } from '#core/units.ts';
import { fitsDigest } from './content-digest.ts';
import { createNonces } from './nonces.ts';
import { readSignature, type GivenSignature } from './read-signature.ts';
import type { HmacAuthSettings } from './schema.ts';
import { signatureBase } from './signature-base.ts';

/** Who asks, by a signature over the request (RFC 9421). */
export const hmacAuth: PolicyKind<HmacAuthSettings> = {
  name: 'hmac-auth',
  create: createHmacAuth,
};

const usualComponents = ['@method', '@authority', '@path', '@query'];
/** `@target-uri` says all of these. */
const inTargetUri = new Set(['@scheme', '@authority', '@path', '@query']);

function createHmacAuth(settings: HmacAuthSettings, { consumers, cache, clock }: PolicyServices): Policy {
  const skewMs = parseDuration(settings.skew ?? '5min');
  const components = settings.components ?? usualComponents;
  const optional = settings.optional ?? false;
  const needsNonce = (settings.nonce ?? 'required') === 'required';
  const takeNonce = createNonces(cache, 2 * skewMs + 1000);
  /** In place of the secret of keys that are not there, so that it takes as long. */
  const decoy = randomBytes(32);

  const checkTimes = ({ createdS, expiresS }: GivenSignature) => {
    const nowS = clock.nowMs() / 1000;
    if (Math.abs(nowS - createdS) > skewMs / 1000)
      throw refusal(
        'auth/expired',
        `The signature is of ${createdS}, and it is ${Math.floor(nowS)} here: more than ${skewMs / 1000} s apart.`,
      );
    if (expiresS !== null && expiresS <= nowS)
      throw refusal('auth/expired', `The signature was good until ${expiresS}.`);
  };
  const authenticate = (exchange: Exchange, given: GivenSignature): void | Promise<void> => {
    const { head } = exchange;
    checkTimes(given);
    checkCover(given, head, components);
    if (needsNonce && given.nonce === null)
      throw refusal('auth/unknown-credential', 'The signature has no nonce.');
    const owner = consumers.findSigner(given.keyId);
    const secret = owner ? Buffer.from(owner.secretBase64, 'base64') : decoy;
    const expected = createHmac('sha256', secret)
      .update(signatureBase(given.covered, head), 'latin1')
      .digest();
    const fits = given.signature.length === expected.length && timingSafeEqual(given.signature, expected);
    if (!fits || !owner)
      throw refusal('auth/unknown-credential', 'The signature is not that of a known key over this request.');
    const admit = () => {
      exchange.consumer = owner.consumer;
      exchange.consumedHeaders.push('signature', 'signature-input');
    };
    // Only what is signed is remembered: nobody else can fill the store.
    if (given.nonce === null) return admit();
    const use = { project: owner.consumer.project, keyId: given.keyId, nonce: given.nonce };
    return takeNonce(use, exchange).then((isNew) => {
      if (!isNew) throw refusal('auth/unknown-credential', 'The nonce of the signature was used before.');
      admit();
    });
  };

  return {
    name: 'hmac-auth',
    summary: `requires a signature of ${components.join(', ')}, not older than ${skewMs / 1000} s${optional ? ', or none at all' : ''}`,
    presents: ({ head }) => isSigned(head),
    credentials: { challenge: null, headers: ['signature', 'signature-input'] },
    onHead(exchange) {
      if (isSigned(exchange.head)) return authenticate(exchange, readSignature(exchange.head));
      if (!optional)
        throw new Fault(
          'auth/no-credential',
          'The request is not signed (RFC 9421: Signature-Input, Signature).',
          {
            headers: ['accept-signature', acceptOf(components, needsNonce)],
          },
        );
    },
    readsBody: ({ head }) => isSigned(head) && hasBody(head),
    onCall({ head, body }) {
      if (!isSigned(head) || !hasBody(head)) return;
      // Of several lines the signature is over all, in their order.
      if (!fitsDigest(valuesOf(head.headers, 'content-digest').join(', '), body ?? Buffer.alloc(0)))
        throw refusal(
          'auth/unknown-credential',
          'The body is not the one that Content-Digest names (RFC 9530).',
        );
    },
  };
}

const isSigned = ({ headers }: RequestHead): boolean =>
  headerOf(headers, 'signature-input') !== undefined || headerOf(headers, 'signature') !== undefined;

const hasBody = ({ contentLength, upgrade }: RequestHead): boolean => contentLength !== 0 && upgrade === null;

/** @throws Fault where something is left out that the signature has to be over. */
function checkCover({ covered }: GivenSignature, head: RequestHead, components: readonly string[]): void {
  const names = new Set(covered.items.map(({ value }) => value));
  const isCovered = (name: string) =>
    names.has(name) ||
    (inTargetUri.has(name) && names.has('@target-uri')) ||
    (name === '@query' && head.query === '');
  const needed = hasBody(head) ? [...components, 'content-digest'] : components;
  const missing = needed.find((name) => !isCovered(name));
  if (missing !== undefined)
    throw refusal('auth/unknown-credential', `The signature does not cover "${missing}".`);
}

/** What a signature is asked to be (RFC 9421 §5.1). */
const acceptOf = (components: readonly string[], needsNonce: boolean): string =>
  `sig=(${components.map((name) => `"${name}"`).join(' ')});created;keyid;alg="hmac-sha256"${needsNonce ? ';nonce' : ''}`;

const refusal = (code: 'auth/expired' | 'auth/unknown-credential', message: string): Fault =>
  new Fault(code, message);
