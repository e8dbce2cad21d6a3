/**
 * 32 bits of a text: FNV-1a over its UTF-16 code units, then the finaliser of MurmurHash3, so that texts that differ a
 * little lie far apart. Without a secret: all threads and gateways must agree on it. Who aims at a member with chosen keys
 * meets the bound on its load.
 */
export function hashText(text: string, seed = 0): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
