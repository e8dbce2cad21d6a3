import type { MasterKey } from '../master-key.ts';
import { wrappedSecret } from '../wrapped-secret.ts';

export const answersSecretFile = 'answers-secret';

const variable = 'SLUICE_ANSWERS_SECRET';

export interface CacheSecretSource {
  readonly env: NodeJS.ProcessEnv;
  readonly master: MasterKey;
}

/**
 * What the keys of all projects' kept answers are derived from: made at the first start and kept in `answers-secret`, under the
 * master key; or given by the environment, where several nodes need the same. Without it what is kept cannot be read, or found.
 * @throws Error when it is something else.
 */
export function cacheSecret(directory: string, { env, master }: CacheSecretSource): Uint8Array {
  const given = env[variable];
  if (given === undefined) return wrappedSecret(directory, answersSecretFile, master);
  if (!/^[0-9a-f]{64}$/.test(given)) throw new Error(`${variable} does not hold 64 hexadecimal digits`);
  return new Uint8Array(Buffer.from(given, 'hex'));
}
