import type { Clock } from '#core/contracts/clock.ts';
import type { Observer } from '#core/contracts/observer.ts';
import type { AnswerStage, Policy, PolicyKind } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { PolicyStage } from './answer-stage.ts';
import { attributed } from './attributed.ts';
import { CallView, type Phase } from './call-view.ts';
import { applyHeaderEdits, type HeaderEdit } from '#core/header-edits.ts';
import { createOwnLimits } from './own-limits.ts';
import { BoundedCache } from './policy-cache.ts';
import type { PolicyDefinition, PolicyUse } from './policy-definition.ts';
import { receiptView } from './receipt-view.ts';
import type { Strays } from './strays.ts';
import { withinDeadline } from './within-deadline.ts';

export interface OwnPolicyParts {
  readonly clock: Clock;
  readonly observer: Pick<Observer, 'policyFailed' | 'policySaid'>;
  readonly strays: Strays;
}

/** What a promise of a hook may take where its policy does not say. */
export const usualTimeoutMs = 1000;

/** A kind as the gateway knows them, of what somebody has defined. */
export function ownPolicyKind(definition: PolicyDefinition, parts: OwnPolicyParts): PolicyKind {
  return {
    name: definition.name,
    create: (settings, { instance }) => new OwnPolicy(definition, parts, { settings, instance }).policy(),
  };
}

/** One use of it. */
export class OwnPolicy {
  readonly #definition: PolicyDefinition;
  readonly #parts: OwnPolicyParts;
  readonly #use: PolicyUse<never>;
  readonly #views = new WeakMap<Exchange, CallView>();

  constructor(
    definition: PolicyDefinition,
    parts: OwnPolicyParts,
    { settings, instance }: { settings: unknown; instance: string },
  ) {
    this.#definition = definition;
    this.#parts = parts;
    const { clock, observer } = parts;
    this.#use = Object.freeze({
      settings: deepFreeze(structuredClone(settings)) as never,
      instance,
      clock: Object.freeze({ nowMs: () => clock.nowMs(), monotonicMs: () => clock.monotonicMs() }),
      cache: new BoundedCache(clock),
      log: (message: string, fields = {}) => observer.policySaid(definition.name, `${message}`, fields),
    });
  }

  /** What it wants changed of the answer's headers. */
  editsOf(exchange: Exchange): readonly HeaderEdit[] {
    return CallView.editsOf(this.#viewOf(exchange));
  }

  /** Only the hooks it has: what is left out costs nothing. */
  policy(): Policy {
    const {
      name,
      description,
      reads = [],
      writes = [],
      onHead,
      onCall,
      onSettled,
      limits,
    } = this.#definition;
    const limitsOf = limits && createOwnLimits(name, this.#use.instance);
    return {
      name,
      summary: description ?? 'a policy of your own',
      ...(onHead && { onHead: (exchange) => this.#admit(exchange, 'onHead', onHead) }),
      ...(reads.includes('body') && { readsBody: () => true }),
      ...(onCall && { onCall: (exchange) => this.#admit(exchange, 'onCall', onCall) }),
      ...(limits &&
        limitsOf && {
          limits: (exchange) =>
            this.#step(exchange, 'limits', (view) =>
              limitsOf(limits.call(this.#definition, view, this.#use), this.#parts.clock.nowMs()),
            ),
        }),
      ...((this.#definition.onAnswer ?? writes.includes('answer')) && {
        onAnswer: (exchange, status, headers) => {
          const view = this.#viewOf(exchange);
          CallView.begin(view, status, headers);
          const { onAnswer } = this.#definition;
          if (onAnswer)
            this.#step(exchange, 'onAnswer', () => onAnswer.call(this.#definition, view, this.#use));
          return applyHeaderEdits(headers, CallView.editsOf(view));
        },
      }),
      ...(this.#definition.onEvent && { openAnswer: (exchange) => this.#openAnswer(exchange) }),
      ...(onSettled && {
        onSettled: (exchange, receipt) =>
          this.#admit(exchange, 'onSettled', (view) =>
            onSettled.call(this.#definition, receiptView(receipt), view, this.#use),
          ),
      }),
    };
  }

  #admit(
    exchange: Exchange,
    phase: Phase,
    hook: NonNullable<PolicyDefinition['onHead']>,
  ): void | Promise<void> {
    const pending = this.#step(exchange, phase, (view) => hook.call(this.#definition, view, this.#use));
    if (!isPending(pending)) return;
    const { name, timeoutMs = usualTimeoutMs } = this.#definition;
    return withinDeadline(pending, timeoutMs, `${phase} of the policy "${name}"`)
      .catch((thrown: unknown) => {
        throw this.#failure(thrown, phase);
      })
      .finally(() => CallView.enter(this.#viewOf(exchange), 'between'));
  }

  /** @throws Fault: what the policy refuses by, or `policy/failed`. */
  #step<T>(exchange: Exchange, phase: Phase, step: (view: CallView) => T): T {
    const view = this.#viewOf(exchange);
    CallView.enter(view, phase);
    let isOver = true;
    try {
      const result = this.#parts.strays.run({ policy: this.#definition.name, exchange }, () => step(view));
      isOver = !isPending(result);
      return result;
    } catch (thrown) {
      throw this.#failure(thrown, phase);
    } finally {
      if (isOver) CallView.enter(view, 'between');
    }
  }

  #failure(thrown: unknown, phase: Phase): Fault {
    if (thrown instanceof Fault) return thrown;
    const { name } = this.#definition;
    this.#parts.observer.policyFailed(name);
    const cause = attributed(thrown, `policy "${name}", ${phase}`);
    return new Fault('policy/failed', `The policy "${name}" failed, so the call is refused.`, { cause });
  }

  #openAnswer(exchange: Exchange): AnswerStage {
    const definition = this.#definition;
    return new PolicyStage({
      writes: definition.writes?.includes('events') === true,
      run: (step) => this.#step(exchange, 'onEvent', step),
      onEvent: (event, view) => definition.onEvent!(event, view, this.#use),
      onEnd: (view) => definition.onEnd?.(view, this.#use),
    });
  }

  #viewOf(exchange: Exchange): CallView {
    let view = this.#views.get(exchange);
    if (!view)
      this.#views.set(exchange, (view = new CallView(exchange, this.#definition, this.#use.settings)));
    return view;
  }
}

const isPending = (value: unknown): value is Promise<void> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}
