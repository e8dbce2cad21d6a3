/** Entry of the thread that `inspectPolicies` starts. */
import { workerData } from 'node:worker_threads';
import { describePolicy } from './describe-policy.ts';
import type { Inspection, InspectionStart } from './inspect-policies.ts';
import { loadPolicies } from './load-policies.ts';
import { PolicyFileError } from './policy-file-error.ts';

const { sources, port, done } = workerData as InspectionStart;
// What a policy lets go of while it loads is found out when it runs.
process.on('unhandledRejection', () => {});

port.postMessage(inspect());
Atomics.store(done, 0, 1);
Atomics.notify(done, 0);

function inspect(): Inspection {
  try {
    return { kinds: loadPolicies(sources).map(describePolicy) };
  } catch (thrown) {
    if (thrown instanceof PolicyFileError) return { message: thrown.message, place: thrown.place };
    return { message: (thrown as Error).message, place: { file: '' } };
  }
}
