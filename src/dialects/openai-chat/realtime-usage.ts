import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import { tokenFigure } from '#core/token-figure.ts';
import type { CacheClass, Modality, Usage, UsageLine } from '#core/usage.ts';

const modalities = ['text', 'audio', 'image'] as const;
const objectOr = (value: unknown): JsonObject | null => (isObject(value) ? value : null);

/**
 * Partitions the usage of one response of a session into disjoint lines, by direction, modality and cache. What is cached is
 * inside the figure of its modality.
 * https://platform.openai.com/docs/api-reference/realtime-server-events/response/done
 */
export function parseSessionUsage(raw: JsonObject): Usage {
  const flags = new Set<string>();
  const figure = (source: JsonObject | null, name: string) => tokenFigure(source, name, flags);
  const inputDetails = objectOr(raw['input_token_details']);
  const cachedDetails = objectOr(inputDetails?.['cached_tokens_details']);
  const input = byModality(inputDetails, figure(raw, 'input_tokens'), flags);
  const output = byModality(objectOr(raw['output_token_details']), figure(raw, 'output_tokens'), flags);
  /** Where it is not said of which modality, text first. */
  let cachedLeft = figure(inputDetails, 'cached_tokens');
  const lines: UsageLine[] = [];
  for (const modality of modalities) {
    const all = input[modality];
    const said = cachedDetails ? figure(cachedDetails, `${modality}_tokens`) : cachedLeft;
    const cached = Math.min(all, said);
    if (cachedDetails && said > all) flags.add('details-exceed-total');
    cachedLeft -= cached;
    push(lines, { direction: 'input', modality, cache: 'none' }, all - cached);
    push(lines, { direction: 'input', modality, cache: 'read' }, cached);
  }
  for (const modality of modalities)
    push(lines, { direction: 'output', modality, cache: 'none' }, output[modality]);
  return usageOf(lines, raw, flags);
}

/** Of a client's speech put into words: tokens, or seconds. */
export function parseTranscriptionUsage(raw: JsonObject): Usage | null {
  const flags = new Set<string>(['transcription']);
  if (raw['type'] === 'duration') {
    const seconds = tokenFigure(raw, 'seconds', flags);
    // A part of a second is billed as one here, and that is nothing odd.
    flags.delete('fraction');
    return { ...usageOf([], raw, flags), units: { seconds } };
  }
  if (raw['type'] !== undefined && raw['type'] !== 'tokens') return null;
  const lines: UsageLine[] = [];
  const input = byModality(
    objectOr(raw['input_token_details']),
    tokenFigure(raw, 'input_tokens', flags),
    flags,
  );
  for (const modality of modalities)
    push(lines, { direction: 'input', modality, cache: 'none' }, input[modality]);
  push(
    lines,
    { direction: 'output', modality: 'text', cache: 'none' },
    tokenFigure(raw, 'output_tokens', flags),
  );
  return usageOf(lines, raw, flags);
}

/** What is told of no modality is text. */
function byModality(
  details: JsonObject | null,
  total: number,
  flags: Set<string>,
): Record<(typeof modalities)[number], number> {
  const audio = tokenFigure(details, 'audio_tokens', flags);
  const image = tokenFigure(details, 'image_tokens', flags);
  const said = details?.['text_tokens'] === undefined ? null : tokenFigure(details, 'text_tokens', flags);
  const rest = total - audio - image;
  if (rest < 0 || (said !== null && said !== rest)) flags.add('total-disagrees');
  return { text: Math.max(0, rest, said ?? 0), audio, image };
}

function push(
  lines: UsageLine[],
  line: { direction: 'input' | 'output'; modality: Modality; cache: CacheClass },
  count: number,
): void {
  if (count > 0) lines.push({ ...line, kind: 'plain', count });
}

function usageOf(lines: readonly UsageLine[], raw: JsonObject, flags: Set<string>): Usage {
  const suspect = flags.has('not-a-number') || flags.has('negative') || flags.has('implausible');
  return { lines, source: suspect ? 'provider_partial' : 'provider', raw, flags: [...flags] };
}
