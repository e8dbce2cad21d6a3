/**
 * What an answer is expected to take, learnt from those that were settled. A caller's cap is no estimate: many ask for
 * the model's maximum on every call, and reserving that would lock them out.
 */
export interface OutputExpectation {
  /** Tokens to reserve for the output of one call. */
  expect(model: string, maxOutputTokens: number | null, choices: number): number;
  /** An answer took so many output tokens in all. */
  learn(model: string, outputTokens: number, choices: number): void;
}

/** For a model nothing is known of. */
const firstMean = 400;
const margin = 1.5;
const floorTokens = 64;
/** The mean is plain over the first 32 answers, then forgets: traffic changes. */
const memory = 32;
const mostModels = 1024;

const byOwner = new WeakMap<object, OutputExpectation>();

/** The one expectation of whatever lives as long as `owner`: it is of models, not of limits, and outlives reloads. */
export function expectationOf(owner: object): OutputExpectation {
  let known = byOwner.get(owner);
  if (!known) byOwner.set(owner, (known = createOutputExpectation()));
  return known;
}

export function createOutputExpectation(): OutputExpectation {
  const means = new Map<string, { mean: number; count: number }>();
  return {
    expect(model, maxOutputTokens, choices) {
      const mean = means.get(model)?.mean ?? firstMean;
      const each = Math.ceil(mean * margin) + floorTokens;
      return Math.max(1, choices) * Math.min(each, maxOutputTokens ?? Infinity);
    },
    learn(model, outputTokens, choices) {
      const each = outputTokens / Math.max(1, choices);
      let known = means.get(model);
      if (known === undefined) {
        // Callers may invent model names.
        if (means.size >= mostModels) for (const oldest of means.keys()) if (means.delete(oldest)) break;
        means.set(model, (known = { mean: 0, count: 0 }));
      }
      known.count = Math.min(known.count + 1, memory);
      known.mean += (each - known.mean) / known.count;
    },
  };
}
