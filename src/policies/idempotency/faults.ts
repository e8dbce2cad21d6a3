import { Fault } from '#core/fault.ts';
import { keyHeader } from './read-key.ts';

const field = keyHeader;

export const inProgress = (): Fault =>
  new Fault(
    'idempotency/in-progress',
    'The call that was first made under this Idempotency-Key is still running. Come again for its answer.',
    { field, headers: ['retry-after', '1'] },
  );

export const mismatch = (): Fault =>
  new Fault(
    'idempotency/mismatch',
    'This Idempotency-Key was used for another request. A key stands for one request, byte for byte: use a new one.',
    { field },
  );

/** `first`: id of the exchange that made the call. */
export const uncertain = (first: string): Fault =>
  new Fault(
    'idempotency/uncertain',
    `The gateway was stopped while it made the call of this Idempotency-Key (exchange ${first}): whether the upstream acted on it is ` +
      'not known. Find out, and use a new key to make the call again.',
    { field, headers: ['x-should-retry', 'false'] },
  );

export const notKept = (first: string, maxBytes: number): Fault =>
  new Fault(
    'idempotency/not-kept',
    `The call of this Idempotency-Key was made (exchange ${first}), but its answer is not kept: it had more than ${maxBytes} bytes, or there was no more room. ` +
      'Use a new key to make the call again.',
    { field, headers: ['x-should-retry', 'false'] },
  );

export const unavailable = (cause: unknown): Fault =>
  new Fault(
    'idempotency/unavailable',
    'The record of answers cannot be reached, so a call with an Idempotency-Key is not made.',
    { cause, headers: ['retry-after', '5'] },
  );

export const required = (methods: readonly string[]): Fault =>
  new Fault('idempotency/key', `Here ${methods.join(' and ')} need an Idempotency-Key, such as a UUID.`, {
    field,
  });

export const unowned = (): Fault =>
  new Fault(
    'policy/failed',
    'idempotency keeps answers by project, but nobody has authenticated. Put a policy that authenticates, such as key-auth, before it.',
  );
