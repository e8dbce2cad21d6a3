import { createHash, timingSafeEqual } from 'node:crypto';
import { parseDictionary } from './structured-field.ts';

const algorithms: ReadonlyMap<string, string> = new Map([
  ['sha-256', 'sha256'],
  ['sha-512', 'sha512'],
]);

/** Is this the body that Content-Digest names (RFC 9530 §2)? All of its digests that are understood must fit, and one must be. */
export function fitsDigest(field: string, body: Buffer): boolean {
  const digests = parseDictionary(field);
  if (!digests) return false;
  let understood = 0;
  for (const [name, member] of digests) {
    const algorithm = algorithms.get(name);
    if (algorithm === undefined) continue;
    if (!('value' in member) || !Buffer.isBuffer(member.value)) return false;
    const digest = createHash(algorithm).update(body).digest();
    if (member.value.length !== digest.length || !timingSafeEqual(member.value, digest)) return false;
    understood++;
  }
  return understood > 0;
}
