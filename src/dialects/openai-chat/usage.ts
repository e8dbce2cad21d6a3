import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import { readReportedCost } from '#core/reported-cost.ts';
import type { Quirks } from '#core/target.ts';
import { tokenFigure } from '#core/token-figure.ts';
import { inputLine, outputLine, totalsOf, type Usage, type UsageLine } from '#core/usage.ts';

const objectOr = (value: unknown): JsonObject | null => (isObject(value) ? value : null);

/**
 * Partitions usage into disjoint lines. Cached and written tokens are inside the prompt figure, reasoning is inside the
 * completion figure (beside it where the provider's record says so).
 * https://platform.openai.com/docs/api-reference/chat/object#chat/object-usage
 */
export function parseUsage(raw: JsonObject, quirks: Quirks, tier: unknown): Usage {
  const flags = new Set<string>();
  const figure = (source: JsonObject | null, ...names: string[]) => {
    const name = names.find((candidate) => source?.[candidate] !== undefined && source[candidate] !== null);
    return name === undefined ? 0 : tokenFigure(source, name, flags);
  };
  const inputDetails = objectOr(raw['prompt_tokens_details']);
  const outputDetails = objectOr(raw['completion_tokens_details']);
  const prompt = figure(raw, 'prompt_tokens');
  const completion = figure(raw, 'completion_tokens');

  const cached =
    figure(inputDetails, 'cached_tokens') ||
    figure(raw, 'prompt_cache_hit_tokens', 'num_cached_tokens', 'cached_tokens');
  const written = figure(inputDetails, 'cache_write_tokens', 'cache_creation_input_tokens');
  const audioIn = figure(inputDetails, 'audio_tokens');
  const audioOut = figure(outputDetails, 'audio_tokens');
  const rejected = figure(outputDetails, 'rejected_prediction_tokens');
  const reasoning = figure(outputDetails, 'reasoning_tokens') || figure(raw, 'reasoning_tokens');

  // Some servers count cached tokens beside the prompt: then there are more of them than prompt.
  const input = cached > prompt ? prompt + cached : prompt;
  const output = quirks.reasoningBesideOutput ? completion + reasoning : completion;
  const parts = { cached, written, audioIn };
  let plainInput = input - cached - written - audioIn;
  if (plainInput < 0) {
    flags.add('details-exceed-total');
    plainInput = 0;
    parts.audioIn = 0;
    parts.written = Math.max(0, input - cached);
  }
  const shownReasoning = Math.min(reasoning, output);
  if (reasoning > output) flags.add('reasoning-exceeds-output');
  const shownAudio = Math.min(audioOut, output - shownReasoning);
  const shownRejected = Math.min(rejected, output - shownReasoning - shownAudio);

  const total = raw['total_tokens'];
  if (typeof total === 'number' && total !== input + output) flags.add('total-disagrees');
  if (input === 0 && output === 0) flags.add('zero-usage');

  const lines: UsageLine[] = [inputLine(plainInput)];
  if (parts.cached) lines.push(inputLine(parts.cached, 'read'));
  if (parts.written) lines.push(inputLine(parts.written, 'write-5m'));
  if (parts.audioIn) lines.push({ ...inputLine(parts.audioIn), modality: 'audio' });
  lines.push(outputLine(output - shownReasoning - shownAudio - shownRejected));
  if (shownReasoning) lines.push(outputLine(shownReasoning, 'reasoning'));
  if (shownAudio) lines.push({ ...outputLine(shownAudio), modality: 'audio' });
  if (shownRejected) lines.push(outputLine(shownRejected, 'prediction'));
  const reported = readReportedCost(raw, flags);
  return {
    lines,
    source:
      flags.has('not-a-number') || flags.has('negative') || flags.has('implausible')
        ? 'provider_partial'
        : 'provider',
    raw,
    flags: [...flags],
    ...(typeof tier === 'string' ? { serviceTier: tier } : {}),
    ...(reported === undefined ? {} : { reportedCostNano: reported }),
  };
}

/** The usage object of a chunk or an answer, wherever the provider puts it. */
export function findUsage(chunk: JsonObject): JsonObject | null {
  const own = objectOr(chunk['usage']);
  if (own) return own;
  const vendor = objectOr(objectOr(chunk['x_groq'])?.['usage']);
  if (vendor) return vendor;
  const choices = chunk['choices'];
  return Array.isArray(choices) ? objectOr(objectOr(choices[0])?.['usage']) : null;
}

export function renderUsage(usage: Usage): JsonObject {
  const totals = totalsOf(usage.lines);
  return {
    prompt_tokens: totals.input,
    completion_tokens: totals.output,
    total_tokens: totals.input + totals.output,
    prompt_tokens_details: { cached_tokens: totals.cacheRead, cache_write_tokens: totals.cacheWrite },
    completion_tokens_details: { reasoning_tokens: totals.reasoning },
  };
}
