import type { Clock } from '#core/contracts/clock.ts';
import { LineAllowance } from './line-allowance.ts';

const longestText = 4096;

/** What policies say, as JSON lines; so many a second at most, the rest counted on the next line. */
export class PolicyLog {
  readonly #write: (line: string) => void;
  readonly #clock: Clock;
  readonly #allowance: LineAllowance;

  constructor(write: (line: string) => void, clock: Clock) {
    this.#write = write;
    this.#clock = clock;
    this.#allowance = new LineAllowance(clock);
  }

  record(policy: string, message: string, fields: Readonly<Record<string, unknown>>): void {
    const suppressed = this.#allowance.take();
    if (suppressed === null) return;
    const line = {
      level: 30,
      time: new Date(this.#clock.nowMs()).toISOString(),
      policy,
      message: message.slice(0, longestText),
      fields: Object.fromEntries(
        Object.entries(fields)
          .slice(0, 32)
          .map(([name, value]) => [
            name,
            typeof value === 'number' || typeof value === 'boolean'
              ? value
              : String(value).slice(0, longestText),
          ]),
      ),
      suppressed: suppressed || undefined,
    };
    this.#write(`${JSON.stringify(line)}\n`);
  }
}
