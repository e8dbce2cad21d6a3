import type { Allowance } from '#core/allowance.ts';
import type { CallBrief } from '#core/call.ts';
import type { LimitState } from '#core/contracts/counter-store.ts';
import { blockTokens, mostOutput, type Asked } from './gather.ts';
import type { Hold } from './hold.ts';
import { unitsOf } from './units.ts';
import type { PriceVersion } from '#core/price.ts';

export interface LeasedOutputParts {
  readonly hold: Hold;
  /** Tokens that are paid for as input. */
  readonly inputTokens: number;
  readonly brief: CallBrief;
  /** As they stood after the reservation. */
  readonly states: readonly LimitState[];
}

interface Payer {
  /** Its place in the reservation. */
  readonly at: number;
  readonly asked: Asked;
  /** What output costs, for each model that may answer: units for the input, and for a million tokens of output. */
  readonly costs: readonly { readonly input: bigint; readonly million: bigint }[];
}

const million = 1_000_000;

/** Output that hard budgets pay for, block by block. Null where none of a call's hard budgets has to do with output. */
export function leaseOutput(parts: LeasedOutputParts): Allowance | null {
  const payers = parts.hold.asked.flatMap((asked, at): Payer[] => {
    if (asked.wish.inFlight !== 'hard' || asked.wish.sort === 'input-tokens') return [];
    return [{ at, asked, costs: costsOf(asked, parts.inputTokens) }];
  });
  return payers.length === 0 ? null : new LeasedOutput(parts, payers);
}

class LeasedOutput implements Allowance {
  readonly clampTokens: number | null;
  outputTokens: number;
  readonly #parts: LeasedOutputParts;
  readonly #payers: readonly Payer[];
  #under: Promise<void> | null = null;

  constructor(parts: LeasedOutputParts, payers: readonly Payer[]) {
    this.#parts = parts;
    this.#payers = payers;
    this.outputTokens = this.#paidFor(({ at }) => parts.hold.booked(at));
    const { brief, states, hold, inputTokens } = parts;
    // Only a stream is paid for as it flows.
    const unitsOfPayer = ({ at }: Payer) => hold.booked(at) + (brief.stream ? states[at]!.remaining : 0);
    const most = mostOutput(brief);
    // Asked first: what is affordable is rounded down, and may seem to be one less.
    const isEnough = payers.every((payer) => unitsOfPayer(payer) >= unitsFor(payer.asked, inputTokens, most));
    this.clampTokens = isEnough ? null : Math.min(this.#paidFor(unitsOfPayer), most);
  }

  more(usedTokens: number): void | Promise<void> {
    if (this.#under) return this.#under;
    const { hold, inputTokens, brief } = this.#parts;
    const tokens = Math.max(usedTokens, this.outputTokens) + blockTokens * Math.max(1, brief.choices);
    const amounts = hold.asked.map(() => 0);
    for (const { at, asked } of this.#payers)
      amounts[at] = Math.max(0, unitsFor(asked, inputTokens, tokens) - hold.booked(at));
    const done = (): void => {
      this.outputTokens = Math.max(
        this.outputTokens,
        this.#paidFor(({ at }) => hold.booked(at)),
      );
      this.#under = null;
    };
    const pending = hold.extend(amounts);
    if (!pending) return done();
    this.#under = pending.then(done);
    return this.#under;
  }

  /** Output tokens that each payer can pay for with so many units. */
  #paidFor(unitsOfPayer: (payer: Payer) => number): number {
    let least = Infinity;
    for (const payer of this.#payers) {
      const units = BigInt(unitsOfPayer(payer));
      for (const cost of payer.costs) {
        // Rounded down, and a cost is rounded half up: never more than the units pay for.
        if (cost.million > 0n)
          least = Math.min(least, Number(((units - cost.input) * BigInt(million)) / cost.million));
      }
    }
    return Math.max(0, least);
  }
}

function costsOf({ wish, prices }: Asked, input: number): Payer['costs'] {
  const costs = (each: readonly PriceVersion[]) => {
    const base = unitsOf(wish.sort, { input, output: 0 }, each);
    const whole = unitsOf(wish.sort, { input, output: million }, each);
    // One more, for shares of a price that are no whole number of nano-units.
    return {
      input: BigInt(base),
      million: BigInt(whole - base + (wish.sort === 'money' && whole > base ? 1 : 0)),
    };
  };
  return wish.sort === 'money' ? prices.map((price) => costs([price])) : [costs([])];
}

const unitsFor = ({ wish, prices }: Asked, input: number, output: number): number =>
  unitsOf(wish.sort, { input, output }, prices);
