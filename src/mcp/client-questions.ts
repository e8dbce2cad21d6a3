import type { JsonObject } from '#core/call.ts';
import { Fault } from '#core/fault.ts';
import type { Switchboard } from './switchboard.ts';
import type { Outcome, RpcId } from './wire.ts';

const kind = 'answer';
const nobody = { signal: new AbortController().signal, say() {} };

/** Questions to clients of the legacy era, which answer by a request of their own: it may come to another thread. */
export class ClientQuestions {
  readonly #switchboard: Switchboard;
  readonly #open = new Map<string, { readonly session: string; resolve(outcome: Outcome): void }>();
  #asked = 0;

  constructor(switchboard: Switchboard) {
    this.#switchboard = switchboard;
    switchboard.serve(kind, async ({ id, session, outcome }) => {
      const open = this.#open.get(String(id));
      if (open?.session !== session) return { gone: true };
      this.#open.delete(String(id));
      open!.resolve(outcome as unknown as Outcome);
      return {};
    });
  }

  /** `said` is told what it is to be asked under. Rejects when the signal is aborted. */
  ask(session: string, signal: AbortSignal, said: (id: RpcId) => void): Promise<Outcome> {
    const id = `${this.#switchboard.home}.${++this.#asked}`;
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#open.delete(id);
        reject(new Fault('client/gone', 'Nobody waits for the answer any more.'));
      };
      if (signal.aborted) return leave();
      signal.addEventListener('abort', leave, { once: true });
      this.#open.set(id, {
        session,
        resolve(outcome) {
          signal.removeEventListener('abort', leave);
          resolve(outcome);
        },
      });
      said(id);
    });
  }

  /** An answer of a client. False: nobody has asked that. */
  async answer(session: string, id: RpcId, outcome: Outcome): Promise<boolean> {
    const home = String(id).split('.')[0]!;
    const body: JsonObject = { id, session, outcome };
    const word = await this.#switchboard.ask(home, { kind, body }, nobody);
    return word !== null && word['gone'] !== true;
  }
}
