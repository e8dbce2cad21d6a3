import type { Observer } from '#core/contracts/observer.ts';
import type { PolicyKind } from '#core/contracts/policy.ts';
import type { DescribedPolicy, PolicyFiles } from '#core/policy-files.ts';
import { attributed } from './attributed.ts';
import { Isolate } from './isolate/isolate.ts';
import { isolatedPolicyKind } from './isolated-policy-kind.ts';
import { loadPolicies } from './load-policies.ts';
import { ownPolicyKind, type OwnPolicyParts } from './own-policy-kind.ts';
import { Strays } from './strays.ts';

type Parts = Omit<OwnPolicyParts, 'strays' | 'observer'> & {
  readonly observer: OwnPolicyParts['observer'] & Pick<Observer, 'failed'>;
};

/** Exchanges that began on an edition may be under way for as long after the next one is in force. */
const retireAfterMs = 3_600_000;

/** The operator's own policies as one thread runs them, over reloads. */
export class OwnPolicies {
  readonly #parts: OwnPolicyParts;
  #digest = '';
  #kinds: readonly [string, PolicyKind][] = [];
  #isolates: readonly Isolate[] = [];
  readonly #retired = new Set<Isolate>();

  constructor(parts: Parts) {
    const { observer } = parts;
    const strays = new Strays(({ policy, exchange }, thrown) => {
      observer.policyFailed(policy);
      observer.failed(
        exchange ?? { id: '', routeName: '', trace: null },
        attributed(thrown, `policy "${policy}", where nobody waited for it`),
      );
    });
    this.#parts = { ...parts, strays };
  }

  /** Loads what this thread has not loaded yet. @throws PolicyFileError */
  kindsOf(files: PolicyFiles | null): readonly [string, PolicyKind][] {
    if (files === null || files.digest === this.#digest) return files === null ? [] : this.#kinds;
    this.#parts.strays.watch();
    const here = files.kinds.filter(({ isolated }) => !isolated).map(({ file }) => file);
    const loaded = loadPolicies(files, here).map(({ definition }): [string, PolicyKind] => [
      definition.name,
      ownPolicyKind(definition, this.#parts),
    ]);
    const isolated = files.kinds.filter((kind) => kind.isolated);
    const isolates = isolated.map((described) => this.#isolate(files, described));
    const elsewhere = isolated.map((described, i): [string, PolicyKind] => [
      described.name,
      isolatedPolicyKind(described, isolates[i]!, this.#parts),
    ]);
    for (const isolate of this.#isolates) this.#retire(isolate);
    this.#isolates = isolates;
    this.#kinds = [...loaded, ...elsewhere];
    this.#digest = files.digest;
    return this.#kinds;
  }

  /** Ends the threads of isolated policies. */
  close(): void {
    for (const isolate of [...this.#isolates, ...this.#retired]) isolate.close();
  }

  #retire(isolate: Isolate): void {
    this.#retired.add(isolate);
    const end = () => {
      this.#retired.delete(isolate);
      isolate.close();
    };
    setTimeout(end, retireAfterMs).unref();
  }

  #isolate({ folder, digest, files }: PolicyFiles, { file, timeoutMs }: DescribedPolicy): Isolate {
    return new Isolate({
      sources: { folder, digest, files },
      file,
      timeoutMs,
      said: ({ policy, message, fields }) => this.#parts.observer.policySaid(policy, message, fields),
    });
  }
}
