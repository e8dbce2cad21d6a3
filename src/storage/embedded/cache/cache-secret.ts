import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { readSecretFile, writeSecretFile } from '../secret-file.ts';

const variable = 'SLUICE_ANSWERS_SECRET';

/**
 * What the keys of all projects' kept answers are derived from: made at the first start, readable by its owner only; or given by the
 * environment, where several nodes need the same. Without it what is kept cannot be read, or found.
 * @throws Error when it is something else.
 */
export function cacheSecret(directory: string, env: NodeJS.ProcessEnv): Uint8Array {
  const path = join(directory, 'answers-secret');
  const given = env[variable];
  const known = given ?? readSecretFile(path);
  if (known !== null) {
    if (!/^[0-9a-f]{64}$/.test(known))
      throw new Error(`${given === undefined ? path : variable} does not hold 64 hexadecimal digits`);
    return new Uint8Array(Buffer.from(known, 'hex'));
  }
  const made = randomBytes(32);
  writeSecretFile(path, made.toString('hex'));
  return new Uint8Array(made);
}
