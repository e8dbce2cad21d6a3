import * as crypto from 'node:crypto';
import type { PasswordCheck } from '#core/consumer.ts';

/** What one check may take of memory. */
const maxMemoryKib = 256 * 1024;

const base64 = '[A-Za-z0-9+/]+={0,2}';
const scryptShape = new RegExp(
  `^\\$scrypt\\$ln=(\\d{1,2}),r=(\\d{1,3}),p=(\\d{1,3})\\$(${base64})\\$(${base64})$`,
);
const argonShape = new RegExp(
  `^\\$(argon2d|argon2i|argon2id)\\$v=19\\$m=(\\d{1,8}),t=(\\d{1,5}),p=(\\d{1,3})\\$(${base64})\\$(${base64})$`,
);

/**
 * A hash of a password as tools write it (https://github.com/P-H-C/phc-string-format).
 * @returns What is wrong with it, as a text, where it cannot be used.
 */
export function parsePasswordHash(text: string): PasswordCheck | string {
  const scrypt = scryptShape.exec(text);
  if (scrypt) {
    const [cost, blockSize, parallelization] = [2 ** Number(scrypt[1]), Number(scrypt[2]), Number(scrypt[3])];
    const sizes = { salt: scrypt[4]!, digest: scrypt[5]! };
    if (cost < 2 || blockSize < 1 || parallelization < 1) return 'ln, r and p begin at 1';
    if ((128 * cost * blockSize) / 1024 > maxMemoryKib) return tooLarge;
    return whyTooShort(sizes) ?? { scheme: 'scrypt', cost, blockSize, parallelization, ...sizes };
  }
  const argon = argonShape.exec(text);
  if (!argon)
    return 'expected a hash by scrypt or argon2 in PHC form, such as "$scrypt$ln=15,r=8,p=1$SALT$HASH"';
  if (!('argon2' in crypto)) return 'argon2 needs Node.js 24.7 or newer';
  const [memoryKib, passes, lanes] = [Number(argon[2]), Number(argon[3]), Number(argon[4])];
  if (passes < 1 || lanes < 1 || memoryKib < 8 * lanes) return 't and p begin at 1, m at 8 times p';
  if (memoryKib > maxMemoryKib) return tooLarge;
  const sizes = { salt: argon[5]!, digest: argon[6]! };
  const scheme = argon[1] as 'argon2d' | 'argon2i' | 'argon2id';
  return whyTooShort(sizes) ?? { scheme, memoryKib, passes, lanes, ...sizes };
}

const tooLarge = `a check would take more than ${maxMemoryKib / 1024} MiB of memory`;

function whyTooShort({ salt, digest }: { readonly salt: string; readonly digest: string }): string | null {
  const lengthOf = (text: string) => Buffer.from(text, 'base64').length;
  return lengthOf(salt) < 8 || lengthOf(digest) < 16
    ? 'expected a salt of 8 and a hash of 16 bytes at least'
    : null;
}
