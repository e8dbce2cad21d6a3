import type { EdgeCursor, EdgeKeys, EdgeKeyStep } from '#core/contracts/edge.ts';
import type { KeyDelta, KeyRecord } from '#core/key.ts';

/** Steps that are kept for those who come again; who has missed more is given all. */
const keptSteps = 1000;

/** The life of the key set, for nodes that follow it from afar. */
export class KeyFeed {
  readonly #epoch: string;
  readonly #all: () => readonly KeyRecord[];
  /** Those with the numbers from `#sequence - length + 1`. */
  #steps: EdgeKeyStep[] = [];
  #sequence = 0;

  /** `epoch`: of this process among all; `all`: the keys made at run time that are in force. */
  constructor(epoch: string, all: () => readonly KeyRecord[]) {
    this.#epoch = epoch;
    this.#all = all;
  }

  /** Call with each change that is in force. */
  push(delta: KeyDelta): void {
    this.#sequence += 1;
    if (delta.type === 'put') this.#steps.push({ type: 'put', key: delta.key });
    else if (delta.type === 'revoke') this.#steps.push({ type: 'revoke', sha256: delta.sha256 });
    // Of a set as a whole there are no steps.
    else this.#steps = [];
    if (this.#steps.length > keptSteps) this.#steps = this.#steps.slice(-keptSteps);
  }

  /** What is new for one who has that; null: nothing. */
  since({ epoch, sequence }: Pick<EdgeCursor, 'epoch' | 'sequence'>): EdgeKeys | null {
    const head = { epoch: this.#epoch, sequence: this.#sequence };
    const missed = this.#sequence - sequence;
    if (epoch !== this.#epoch || missed < 0 || missed > this.#steps.length)
      return { ...head, all: this.#all(), steps: [] };
    return missed === 0 ? null : { ...head, all: null, steps: this.#steps.slice(-missed) };
  }
}
