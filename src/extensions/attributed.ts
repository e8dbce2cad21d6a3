import { cleanStack } from './policy-stack.ts';

/** What was thrown, as an error that says whose it is, with places as they are on the disk. */
export function attributed(thrown: unknown, whose: string): Error {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const said = new Error(`${whose}: ${cleanStack(error.message)}`);
  said.name = error.name;
  said.stack = cleanStack(error.stack ?? error.message);
  return said;
}
