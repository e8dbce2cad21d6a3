import * as crypto from 'node:crypto';
import { createHmac, hash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { PasswordCheck, PasswordOwner } from '#core/consumer.ts';
import { Fault } from '#core/fault.ts';
import type { GivenPassword } from './read-password.ts';

/** Passwords that were found right and are known again without a slow hash. */
const mostKnown = 10_000;
/** Slow hashes under way or in line: beyond, a flood of guesses would take all of the machine's time. */
const mostPending = 32;

/**
 * Is it the password? Right ones are remembered by a hash under a key of this object's own, which is made anew with each
 * configuration: a changed password is in force with it.
 */
export class PasswordChecks {
  readonly #key = randomBytes(32);
  readonly #known = new Set<string>();
  /** Checked in place of users that are not there, so that it takes as long. */
  readonly #decoy: PasswordCheck;
  #pending = 0;

  constructor(users: readonly PasswordOwner[]) {
    const slow = users.find(({ check }) => check.scheme !== 'sha256');
    this.#decoy = slow?.check ?? { scheme: 'sha256', digest: randomBytes(32).toString('base64') };
  }

  /** @throws Fault `auth/unavailable` when too many are being checked. */
  check(owner: PasswordOwner | undefined, given: GivenPassword): boolean | Promise<boolean> {
    const check = owner?.check ?? this.#decoy;
    if (check.scheme === 'sha256')
      return (
        isSame(Buffer.from(hash('sha256', given.password, 'buffer')), check.digest) && owner !== undefined
      );
    const known = createHmac('sha256', this.#key).update(`${given.user}:${given.password}`).digest('base64');
    if (this.#known.has(known)) return true;
    if (this.#pending >= mostPending)
      throw new Fault('auth/unavailable', 'Too many passwords are being checked. Try again in a moment.', {
        headers: ['retry-after', '1'],
      });
    this.#pending++;
    return slowHash(check, given.password)
      .then((digest) => {
        const fits = isSame(digest, check.digest) && owner !== undefined;
        if (fits) this.#remember(known);
        return fits;
      })
      .finally(() => this.#pending--);
  }

  #remember(known: string): void {
    if (this.#known.size >= mostKnown) this.#known.delete(this.#known.values().next().value!);
    this.#known.add(known);
  }
}

function isSame(digest: Buffer, expectedBase64: string): boolean {
  const expected = Buffer.from(expectedBase64, 'base64');
  return digest.length === expected.length && timingSafeEqual(digest, expected);
}

function slowHash(check: Exclude<PasswordCheck, { scheme: 'sha256' }>, password: string): Promise<Buffer> {
  const salt = Buffer.from(check.salt, 'base64');
  const length = Buffer.from(check.digest, 'base64').length;
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, digest: Buffer) => (error ? reject(error) : resolve(digest));
    if (check.scheme === 'scrypt') {
      const { cost, blockSize, parallelization } = check;
      // What Node allows is less than the configuration has found good.
      const maxmem = 256 * cost * blockSize + 1024 * 1024;
      scrypt(password, salt, length, { cost, blockSize, parallelization, maxmem }, done);
    } else {
      const { memoryKib: memory, passes, lanes: parallelism } = check;
      const parameters = { message: password, nonce: salt, parallelism, tagLength: length, memory, passes };
      crypto.argon2(check.scheme, parameters, done);
    }
  });
}
