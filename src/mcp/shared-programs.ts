import type { JsonObject } from '#core/call.ts';
import { Fault, faultFrom, type FaultCode } from '#core/fault.ts';
import { isObject } from '#core/read-json.ts';
import type { Switchboard } from './switchboard.ts';
import type { Ask, Hearing, ToolSource } from './tool-source.ts';
import type { Outcome } from './wire.ts';

const kind = 'program';
/** The thread that has the programs. */
export const programsHome = 'programs';

/**
 * Programs run for one thread of the process, whichever thread is asked: so there is one pool of them, and a caller that is asked
 * something finds the process that has asked.
 */
export function serveProgram(
  switchboard: Switchboard,
  sourceOf: (server: string) => ToolSource | undefined,
): void {
  switchboard.serve(kind, async ({ server, ask }, { signal, say }) => {
    const source = sourceOf(String(server));
    const hearing = { signal, notify: (message: JsonObject) => say({ message }) };
    try {
      if (!source)
        throw new Fault('upstream/unavailable', `The server "${String(server)}" is not there yet.`);
      return { outcome: await source.ask(ask as Ask, hearing) };
    } catch (thrown) {
      const { code, message } = faultFrom(thrown);
      return { code, message };
    }
  });
}

/** A program that another thread has. */
export class SharedProgram implements ToolSource {
  readonly #server: string;
  readonly #switchboard: Switchboard;

  constructor(server: string, switchboard: Switchboard) {
    this.#server = server;
    this.#switchboard = switchboard;
  }

  async ask({ method, params, caller }: Ask, { signal, notify }: Hearing): Promise<Outcome> {
    const body = { server: this.#server, ask: { method, params, caller } };
    const word = await this.#switchboard.ask(
      programsHome,
      { kind, body },
      { signal, say: ({ message }) => notify(message as JsonObject) },
    );
    if (!word) throw new Fault('upstream/unavailable', 'The thread that has the programs does not answer.');
    if (isObject(word['outcome'])) return word['outcome'] as unknown as Outcome;
    throw new Fault(word['code'] as FaultCode, String(word['message']));
  }

  retire(): void {}

  close(): void {}
}
