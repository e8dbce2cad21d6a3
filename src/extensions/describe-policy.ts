import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import type { DescribedPolicy, PolicyFiles } from '#core/policy-files.ts';
import type { LoadedPolicy } from './load-policies.ts';
import { usualTimeoutMs } from './own-policy-kind.ts';

/** What can be said of a policy without running it: plain data, for threads that never do. */
export function describePolicy({ file, definition }: LoadedPolicy): DescribedPolicy {
  const { name, description = null, schema, reads = [], writes = [] } = definition;
  const { isolated = false, timeoutMs = usualTimeoutMs } = definition;
  const plain = JSON.parse(JSON.stringify(schema)) as {
    additionalProperties?: unknown;
    description?: string;
  };
  const has = (hook: 'onHead' | 'onCall' | 'limits' | 'onSettled') => (definition[hook] ? [hook] : []);
  return {
    name,
    file,
    description,
    schema: {
      ...plain,
      // What nobody has named is a slip of the pen.
      additionalProperties: plain.additionalProperties ?? false,
      description: plain.description ?? description ?? `The policy of ${file}.`,
    },
    hooks: [
      ...has('onHead'),
      ...(reads.includes('body') ? ['readsBody'] : []),
      ...has('onCall'),
      ...has('limits'),
      ...((definition.onAnswer ?? writes.includes('answer')) ? ['onAnswer'] : []),
      ...(reads.includes('events') ? ['openAnswer'] : []),
      ...has('onSettled'),
    ],
    isolated,
    reads,
    timeoutMs,
  };
}

/** Kinds to be looked at, and never run: the main thread runs no policy's code. */
export function describedKinds(files: PolicyFiles | null): [string, PolicyKind][] {
  return (files?.kinds ?? []).map(({ name, description, file, hooks, isolated }) => {
    const summary = `${description ?? 'a policy of your own'} (${file}${isolated ? ', isolated' : ''})`;
    const policy = { name, summary, ...Object.fromEntries(hooks.map((hook) => [hook, neverRun])) };
    return [name, { name, create: () => policy as Policy }];
  });
}

const neverRun = (): never => {
  throw new Error('these policies are only looked at, never run');
};
