import type { ServerResponse } from 'node:http';
import type { SimulatedCall } from './call-log.ts';

/** Notices that the client of one call has left, and ends the waits of a call that nobody waits for. */
export class ClientWatch {
  gone = false;
  #wake: (() => void) | undefined;

  constructor(response: ServerResponse, call: SimulatedCall) {
    response.once('close', () => {
      this.gone = true;
      const now = Date.now();
      if (!response.writableFinished && ['running', 'complete', 'stalled'].includes(call.finished)) {
        call.clientGoneAtMs = now;
        // A call that has said everything but its terminator's last bytes is the client's loss all the same.
        if (call.finished !== 'stalled') call.finished = 'client-gone';
      }
      call.endedAtMs = now;
      this.#wake?.();
    });
  }

  /** Waits `ms`, or until the client leaves; answers whether it is still there. */
  async wait(ms: number): Promise<boolean> {
    if (ms > 0 && !this.gone) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return !this.gone;
  }

  /** Waits until the client leaves. */
  async untilGone(): Promise<void> {
    if (!this.gone) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  /** Waits for `emitter`'s drain, or until the client leaves; answers whether it is still there. */
  async untilDrained(response: ServerResponse): Promise<boolean> {
    if (!this.gone) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        response.once('drain', resolve);
      });
    }
    return !this.gone;
  }
}
