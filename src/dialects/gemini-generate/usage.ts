import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import { tokenFigure } from '#core/token-figure.ts';
import { inputLine, outputLine, totalsOf, type Modality, type Usage, type UsageLine } from '#core/usage.ts';

/** Documents are pages of text. */
const modalities: Readonly<Record<string, Modality>> = { AUDIO: 'audio', IMAGE: 'image', VIDEO: 'video' };
const names: Readonly<Record<Modality, string>> = {
  text: 'TEXT',
  audio: 'AUDIO',
  image: 'IMAGE',
  video: 'VIDEO',
};

const figures = [
  'promptTokenCount',
  'candidatesTokenCount',
  'thoughtsTokenCount',
  'toolUsePromptTokenCount',
  'totalTokenCount',
];

/** Does it count anything yet? The first events of a stream may tell of the kind of traffic alone. */
export const counts = (raw: JsonObject): boolean =>
  figures.some((name) => raw[name] !== undefined && raw[name] !== null);

/** Tokens other than text, by modality. */
function apart(details: unknown, flags: Set<string>): Map<Modality, number> {
  const found = new Map<Modality, number>();
  for (const detail of Array.isArray(details) ? details : []) {
    if (!isObject(detail)) continue;
    const modality = modalities[String(detail['modality'])];
    const count = tokenFigure(detail, 'tokenCount', flags);
    if (modality && count > 0) found.set(modality, (found.get(modality) ?? 0) + count);
  }
  return found;
}

const sum = (of: Map<Modality, number>): number => [...of.values()].reduce((a, b) => a + b, 0);

/**
 * Cumulative in every event. What is cached is inside the prompt; thoughts, and what tools of the vendor's own read, stand
 * beside the other figures. https://ai.google.dev/api/generate-content#UsageMetadata
 */
export function parseUsage(raw: JsonObject): Usage {
  const flags = new Set<string>();
  const prompt = tokenFigure(raw, 'promptTokenCount', flags);
  const candidates = tokenFigure(raw, 'candidatesTokenCount', flags);
  const thoughts = tokenFigure(raw, 'thoughtsTokenCount', flags);
  const toolUse = tokenFigure(raw, 'toolUsePromptTokenCount', flags);
  const cachedFigure = tokenFigure(raw, 'cachedContentTokenCount', flags);
  const cached = Math.min(cachedFigure, prompt);
  if (cachedFigure > prompt) flags.add('details-exceed-total');
  const total = raw['totalTokenCount'];
  if (typeof total === 'number' && total !== prompt + candidates + thoughts + toolUse)
    flags.add('total-disagrees');

  const read = split(cached, apart(raw['cacheTokensDetails'], flags), flags);
  const seen = split(prompt, apart(raw['promptTokensDetails'], flags), flags);
  const said = split(candidates, apart(raw['candidatesTokensDetails'], flags), flags);
  if (prompt + candidates + thoughts + toolUse === 0) flags.add('zero-usage');

  const lines: UsageLine[] = [];
  let ofText = prompt - cached;
  for (const [modality, count] of seen.others) {
    const fresh = Math.min(ofText, Math.max(0, count - (read.others.get(modality) ?? 0)));
    ofText -= fresh;
    if (fresh > 0) lines.push({ ...inputLine(fresh), modality });
  }
  lines.unshift(inputLine(ofText));
  if (read.text > 0) lines.push(inputLine(read.text, 'read'));
  for (const [modality, count] of read.others) lines.push({ ...inputLine(count, 'read'), modality });
  if (toolUse > 0) lines.push({ ...inputLine(toolUse), direction: 'tool-input' });
  lines.push(outputLine(said.text));
  for (const [modality, count] of said.others) lines.push({ ...outputLine(count), modality });
  if (thoughts > 0) lines.push(outputLine(thoughts, 'reasoning'));
  const isPartial = flags.has('not-a-number') || flags.has('negative') || flags.has('implausible');
  const traffic = raw['trafficType'];
  return {
    lines,
    source: isPartial ? 'provider_partial' : 'provider',
    raw,
    flags: [...flags],
    ...(typeof traffic === 'string' ? { serviceTier: traffic.toLowerCase() } : {}),
  };
}

/** Details that are more than their total are none. */
function split(total: number, others: Map<Modality, number>, flags: Set<string>) {
  const rest = total - sum(others);
  if (rest >= 0) return { text: rest, others };
  flags.add('details-exceed-total');
  return { text: total, others: new Map<Modality, number>() };
}

function detailsOf(lines: readonly UsageLine[]): JsonObject[] {
  const found = new Map<Modality, number>();
  for (const { modality, count } of lines)
    if (count > 0) found.set(modality, (found.get(modality) ?? 0) + count);
  return [...found].map(([modality, tokenCount]) => ({ modality: names[modality], tokenCount }));
}

export function renderUsage({ lines }: Usage): JsonObject {
  const { input, output, cacheRead, reasoning } = totalsOf(lines);
  const toolUse = totalsOf(lines.filter(({ direction }) => direction === 'tool-input')).input;
  const prompt = detailsOf(lines.filter(({ direction }) => direction === 'input'));
  const said = detailsOf(lines.filter(({ direction, kind }) => direction === 'output' && kind === 'plain'));
  return {
    promptTokenCount: input - toolUse,
    ...(cacheRead > 0 ? { cachedContentTokenCount: cacheRead } : {}),
    candidatesTokenCount: output - reasoning,
    ...(reasoning > 0 ? { thoughtsTokenCount: reasoning } : {}),
    ...(toolUse > 0 ? { toolUsePromptTokenCount: toolUse } : {}),
    totalTokenCount: input + output,
    ...(prompt.length > 0 ? { promptTokensDetails: prompt } : {}),
    ...(said.length > 0 ? { candidatesTokensDetails: said } : {}),
  };
}
