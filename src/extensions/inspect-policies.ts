import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { DescribedPolicy, PolicySources } from '#core/policy-files.ts';
import { PolicyFileError, type PolicyFilePlace } from './policy-file-error.ts';

/** So long the code of all policies may take to load. */
const deadlineMs = 10_000;
/** A machine that has no room for a thread at the moment may have it the next time. */
const attempts = 2;

export type Inspection =
  | { readonly kinds: readonly DescribedPolicy[] }
  | { readonly message: string; readonly place: PolicyFilePlace };

export interface InspectionStart {
  readonly sources: PolicySources;
  readonly port: MessagePort;
  /** Set to 1 when the message was sent. */
  readonly done: Int32Array;
}

/**
 * Runs an edition's code in a thread that is thrown away, and says what it defines: what loops, exits or crashes while it loads
 * does not take this thread with it. This thread waits for it.
 * @throws PolicyFileError
 */
export function inspectPolicies(sources: PolicySources): readonly DescribedPolicy[] {
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const said = askThread(sources);
    if (said && 'message' in said) throw new PolicyFileError(said.message, said.place);
    if (said) return said.kinds;
  }
  const message = `what is in this folder has not loaded within ${deadlineMs / 1000} s`;
  throw new PolicyFileError(message, { file: '' });
}

/** Null: it has not answered in time. */
function askThread(sources: PolicySources): Inspection | null {
  const { port1, port2 } = new MessageChannel();
  const done = new Int32Array(new SharedArrayBuffer(4));
  const entry = import.meta.filename.endsWith('.ts') ? './inspect-thread.ts' : './inspect-thread.js';
  const workerData = { sources, port: port2, done };
  const thread = new Worker(new URL(entry, import.meta.url), { workerData, transferList: [port2] });
  // It is told of by the message, or by there being none.
  thread.on('error', () => {});
  thread.unref();
  try {
    Atomics.wait(done, 0, 0, deadlineMs);
    return (receiveMessageOnPort(port1)?.message as Inspection | undefined) ?? null;
  } finally {
    port1.close();
    void thread.terminate();
  }
}
