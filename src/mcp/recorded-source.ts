import type { AttemptRecord } from '#core/exchange.ts';
import { faultFrom } from '#core/fault.ts';
import type { Passage } from '#pipeline/passage.ts';
import { recordIntent } from '#pipeline/record-intent.ts';
import type { Ask, Hearing, ToolSource } from './tool-source.ts';
import type { Outcome } from './wire.ts';

/** Puts on record what an exchange asks of a server: each request is an attempt on its receipt. */
export class RecordedSource implements ToolSource {
  readonly #server: string;
  readonly #source: ToolSource;
  readonly #passage: Passage;
  readonly #count: { begun: number };

  /** @param count Of the exchange's attempts, which several servers may share. */
  constructor(
    { server, source }: { readonly server: string; readonly source: ToolSource },
    passage: Passage,
    count: { begun: number },
  ) {
    this.#server = server;
    this.#source = source;
    this.#passage = passage;
    this.#count = count;
  }

  async ask(ask: Ask, hearing: Hearing): Promise<Outcome> {
    const { exchange, gateway } = this.#passage;
    const record: AttemptRecord = {
      number: ++this.#count.begun,
      target: null,
      provider: this.#server,
      startedAtMs: gateway.clock.nowMs(),
      endedAtMs: 0,
      status: 0,
      fault: null,
      upstreamId: null,
      usage: null,
      work: 'none',
      seen: null,
      inputText: null,
    };
    await recordIntent(this.#passage, record);
    exchange.attempts.push(record);
    record.work = 'unknown';
    try {
      const outcome = await this.#source.ask(ask, hearing);
      record.work = 'finished';
      record.status = 200;
      return outcome;
    } catch (thrown) {
      record.fault = faultFrom(thrown);
      throw record.fault;
    } finally {
      record.endedAtMs = gateway.clock.nowMs();
    }
  }
}
