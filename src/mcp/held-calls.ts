import type { JsonObject } from '#core/call.ts';
import { faultFrom } from '#core/fault.ts';
import { createHash } from 'node:crypto';
import { isObject } from '#core/read-json.ts';
import type { HeldCall, Step } from './held-call.ts';
import type { Seal } from './seal.ts';
import type { Switchboard } from './switchboard.ts';
import type { Ask, Hearing } from './tool-source.ts';
import { codes, failure, type Outcome } from './wire.ts';

const most = 10_000;
const kind = 'resume';

interface Held {
  readonly call: HeldCall;
  readonly timer: NodeJS.Timeout;
}

/** What a caller keeps while its call is held. */
interface Ticket {
  readonly home: string;
  readonly key: string;
  readonly round: number;
  readonly principal: string;
  /** Of what was asked for. */
  readonly digest: string;
  readonly untilMs: number;
}

/** Calls of this thread that wait for answers of their callers, and the way to those of others. */
export class HeldCalls {
  readonly #seal: Seal;
  readonly #switchboard: Switchboard;
  readonly #holdMs: number;
  readonly #held = new Map<string, Held>();

  /** @param holdMs How long a caller may take to answer. */
  constructor(seal: Seal, switchboard: Switchboard, holdMs: number) {
    this.#seal = seal;
    this.#switchboard = switchboard;
    this.#holdMs = holdMs;
    switchboard.serve(kind, async ({ key, round, answers }, { signal, say }) => {
      const held = this.#take(String(key), Number(round));
      if (!held) return { gone: true };
      const hearing = { signal, notify: (message: JsonObject) => say({ message }) };
      const step = await held.resume(answers as JsonObject, hearing);
      if ('outcome' in step) return { outcome: step.outcome };
      if ('fault' in step) return { fault: faultFrom(step.fault).message };
      this.#keep(held);
      return { questions: step.questions, key: held.key, round: held.round };
    });
  }

  /** Is the state one of a call that is held somewhere? */
  isTicket(state: string): boolean {
    return this.#seal.open(state) !== null;
  }

  /** What the step means to the caller. @throws whatever ended the call without an answer. */
  settle(call: HeldCall, step: Step, ask: Ask): Outcome {
    if ('outcome' in step) return step.outcome;
    if ('fault' in step) throw step.fault;
    this.#keep(call);
    return this.#inputRequired(
      step.questions,
      { key: call.key, round: call.round },
      ask,
      this.#switchboard.home,
    );
  }

  /** Goes on with the call that a `requestState` stands for, wherever it is held. @throws Fault */
  async resume(state: string, ask: Ask, hearing: Hearing): Promise<Outcome> {
    const ticket = this.#seal.open(state) as unknown as Ticket | null;
    const refused = (why: string) => failure(codes.invalidParams, `The requestState ${why}.`);
    if (!ticket || ticket.principal !== ask.caller.principal)
      return refused('is not one that was given out here');
    if (ticket.digest !== digestOf(ask)) return refused('belongs to another request');
    if (ticket.untilMs < Date.now()) return refused('has expired');
    const { inputResponses } = ask.params;
    const answers = isObject(inputResponses) ? inputResponses : {};
    const { home, key, round } = ticket;
    const word = await this.#switchboard.ask(
      home,
      { kind, body: { key, round, answers } },
      { signal: hearing.signal, say: ({ message }) => hearing.notify(message as JsonObject) },
    );
    if (!word || word['gone'] === true) return refused('is used up, or its call is not held any more');
    if (isObject(word['outcome'])) return word['outcome'] as unknown as Outcome;
    if (isObject(word['questions']))
      return this.#inputRequired(
        word['questions'] as never,
        { key: String(word['key']), round: Number(word['round']) },
        ask,
        home,
      );
    return failure(codes.internal, String(word['fault']));
  }

  close(): void {
    for (const { call, timer } of this.#held.values()) {
      clearTimeout(timer);
      call.end();
    }
    this.#held.clear();
  }

  #inputRequired(
    inputRequests: Readonly<Record<string, JsonObject>>,
    at: { readonly key: string; readonly round: number },
    ask: Ask,
    home: string,
  ): Outcome {
    const ticket: Ticket = {
      home,
      ...at,
      principal: ask.caller.principal,
      digest: digestOf(ask),
      untilMs: Date.now() + this.#holdMs,
    };
    const requestState = this.#seal.close({ ...ticket });
    return { result: { resultType: 'input_required', inputRequests, requestState } };
  }

  #keep(call: HeldCall): void {
    const timer = setTimeout(() => {
      this.#held.delete(call.key);
      call.end();
    }, this.#holdMs);
    timer.unref();
    this.#held.set(call.key, { call, timer });
    if (this.#held.size <= most) return;
    const [oldest] = this.#held.keys();
    this.#take(oldest!, null)?.end();
  }

  #take(key: string, round: number | null): HeldCall | null {
    const held = this.#held.get(key);
    if (!held || (round !== null && held.call.round !== round)) return null;
    clearTimeout(held.timer);
    this.#held.delete(key);
    return held.call;
  }
}

/** An answer is for the request that asked for it, and for no other one. */
function digestOf({ method, params, caller }: Ask): string {
  const { name, uri, arguments: args } = params;
  return createHash('sha256')
    .update(JSON.stringify([caller.place, method, name, uri, args]))
    .digest('base64url');
}
