import type { Target } from './target.ts';

/**
 * How estimates relate to what was used in the end, model by model, learnt from what was settled: what limits reserve goes by it.
 *
 * It lies in memory that all threads share, because what one of them learns is of use to all at once, a thread that is born knows
 * it, and whoever shows it asks nobody. Writers take no lock: where two write the same row in the same moment one sample is lost,
 * which a mean does not notice. It dies with the process, and is learnt again within a few dozen answers.
 */
export interface Calibration {
  expect(model: string, call: CallSize): ExpectedUse;
  learn(model: string, sample: Sample): void;
  rows(): CalibrationRow[];
}

export interface CallSize {
  /** Tokens, by estimate from bytes. */
  readonly estimatedInput: number;
  readonly maxOutputTokens: number | null;
  readonly choices: number;
}

/** In tokens. */
export interface ExpectedUse {
  /** The mean of calls like this. */
  readonly input: number;
  /** Few calls have more. */
  readonly inputBound: number;
  /** What to reserve for the output of all choices together: less than their mean (`reservedShare`). */
  readonly output: number;
}

/** What a call used that ended in order, and whose provider said so. */
export interface Sample {
  readonly estimatedInput: number;
  readonly input: number;
  readonly output: number;
  readonly choices: number;
  /** What stood reserved for it beforehand, in tokens; null where nothing did. */
  readonly reserved: number | null;
}

/** As it is shown. Deviations are standard deviations. */
export interface CalibrationRow {
  readonly model: string;
  readonly samples: number;
  /** Tokens of input for each that was estimated. */
  readonly inputRatio: number;
  readonly inputRatioDeviation: number;
  /** Tokens of output of one choice. */
  readonly output: number;
  readonly outputDeviation: number;
  /** Tokens reserved, and tokens used beyond what was reserved, since the start. */
  readonly reservedTokens: number;
  readonly overdraftTokens: number;
}

/** What a model is known under here. */
export const modelKey = ({ provider, model }: Pick<Target, 'provider' | 'model'>): string =>
  `${provider.name}/${model}`;

/**
 * Of the mean output, what is reserved. Lengths are heavy-tailed, so most answers are far shorter than their mean, and reserving that
 * refuses what would have fitted: in calibration.test.ts up to a tenth of it where ten times as much is asked for as is allowed; with
 * this, less than a twentieth. What is used beyond is booked as it flows.
 */
const reservedShare = 0.6;
/** For a model nothing is known of. */
const firstOutput = 1000;
/** Worth so many samples. */
const firstWeight = 4;
/** The mean is plain over so many answers, then forgets: traffic changes. Long, because lengths are heavy-tailed. */
const memory = 500;
/** So many deviations above the mean. */
const boundDeviations = 2;
const models = 1024;

/** Words of a row, 64-bit floats; the name follows, in UTF-16, cut to what fits. `hash` is 0 in a free row. */
const field = {
  hash: 0,
  samples: 1,
  ratio: 2,
  ratioVariance: 3,
  output: 4,
  outputVariance: 5,
  reserved: 6,
  overdraft: 7,
  nameLength: 8,
} as const;
const nameAt = 9;
const nameWords = 31;
const rowWords = nameAt + nameWords;

export const createCalibrationMemory = (): SharedArrayBuffer => new SharedArrayBuffer(models * rowWords * 8);

export function openCalibration(shared: SharedArrayBuffer): Calibration {
  const words = new Float64Array(shared);
  const characters = new Uint16Array(shared);
  const ints = new Int32Array(shared);
  const known = new Map<string, number>();

  /** Word of the model's row; −1 when there is none, or no room for it. */
  function rowOf(model: string, make: boolean): number {
    const before = known.get(model);
    if (before !== undefined) return before;
    const hash = hashOf(model);
    for (let i = 0; i < models; i++) {
      const row = ((hash + i) % models) * rowWords;
      if (words[row] === 0) {
        if (!make) return -1;
        claim(row, hash, model);
      }
      if (words[row] !== hash) continue;
      known.set(model, row);
      return row;
    }
    return -1;
  }

  /** Of two that want the same free row at once, the first to write the length of its name has it. */
  function claim(row: number, hash: number, model: string): void {
    if (Atomics.compareExchange(ints, (row + field.nameLength) * 2, 0, model.length) !== 0) return;
    for (let i = 0; i < Math.min(model.length, nameWords * 4); i++)
      characters[(row + nameAt) * 4 + i] = model.charCodeAt(i);
    words[row + field.ratio] = 1;
    words[row + field.output] = firstOutput;
    words[row] = hash;
  }

  return {
    expect(model, { estimatedInput, maxOutputTokens, choices }) {
      const row = rowOf(model, false);
      const ratio = row < 0 ? 1 : words[row + field.ratio]!;
      const deviation = row < 0 ? 0 : Math.sqrt(words[row + field.ratioVariance]!);
      const mean = row < 0 ? firstOutput : words[row + field.output]!;
      const each = Math.min(mean * reservedShare, maxOutputTokens ?? Infinity);
      return {
        input: Math.ceil(estimatedInput * ratio),
        inputBound: Math.ceil(estimatedInput * (ratio + boundDeviations * deviation)),
        output: Math.ceil(each * Math.max(1, choices)),
      };
    },

    learn(model, { estimatedInput, input, output, choices, reserved }) {
      const row = rowOf(model, true);
      if (row < 0) return;
      const samples = words[row + field.samples]! + 1;
      words[row + field.samples] = samples;
      const share = 1 / Math.min(samples + firstWeight, memory);
      if (estimatedInput > 0) follow(row + field.ratio, input / estimatedInput, share);
      follow(row + field.output, output / Math.max(1, choices), share);
      if (reserved === null) return;
      words[row + field.reserved]! += reserved;
      words[row + field.overdraft]! += Math.max(0, input + output - reserved);
    },

    rows() {
      const rows: CalibrationRow[] = [];
      for (let row = 0; row < models * rowWords; row += rowWords) {
        if (words[row] === 0 || words[row + field.samples] === 0) continue;
        const length = Math.min(ints[(row + field.nameLength) * 2]!, nameWords * 4);
        const start = (row + nameAt) * 4;
        rows.push({
          model: String.fromCharCode(...characters.subarray(start, start + length)),
          samples: words[row + field.samples]!,
          inputRatio: words[row + field.ratio]!,
          inputRatioDeviation: Math.sqrt(words[row + field.ratioVariance]!),
          output: words[row + field.output]!,
          outputDeviation: Math.sqrt(words[row + field.outputVariance]!),
          reservedTokens: words[row + field.reserved]!,
          overdraftTokens: words[row + field.overdraft]!,
        });
      }
      return rows.sort((a, b) => (a.model < b.model ? -1 : 1));
    },
  };

  /** Mean and variance, the variance in the word after (Welford, with a share that stops falling). */
  function follow(word: number, value: number, share: number): void {
    const off = value - words[word]!;
    words[word]! += share * off;
    words[word + 1] = (1 - share) * (words[word + 1]! + share * off * off);
  }
}

/** 52 bits that are never 0. */
function hashOf(text: string): number {
  let a = 0x811c9dc5;
  let b = 0x01000193;
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ text.charCodeAt(i), 0x85ebca6b);
  }
  return (a >>> 0) * 2 ** 20 + ((b >>> 12) & 0xfffff) + 1;
}
