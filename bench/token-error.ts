/**
 * How far the gateway's own count of an answer is from what its provider said, by family of models: a folder of recorded answers
 * (`*.json`, `*.chunks.txt`, `*.sse`), read by the dialects' own readers.
 *
 *     node --conditions=source bench/token-error.ts FOLDER
 */
import type { AnswerEvent } from '#core/answer.ts';
import type { Target } from '#core/target.ts';
import { totalsOf } from '#core/usage.ts';
import { chatDialects } from '#dialects/index.ts';
import { openTokenService } from '../src/ledger/tokens/token-service.ts';
import { connectTokenCounter } from '../src/ledger/tokens/connect-token-counter.ts';
import { recordingsIn, type Recording } from '../test/conformance/dialect/recordings.ts';

const target = { provider: { name: 'p', quirks: {} }, model: 'm' } as unknown as Target;
/** Shorter ones say nothing: what stands around every answer weighs more than its words. */
const leastTokens = 20;

const families: readonly (readonly [RegExp, string])[] = [
  [/gpt-oss/, 'gpt-oss'],
  [/^(?:openai\/)?(?:gpt-5|gpt-6|o\d)/, 'GPT-5, o'],
  [/^(?:openai\/)?(?:gpt-|chatgpt)/, 'GPT-4 and before'],
  [/claude/, 'Claude'],
  [/gemini/, 'Gemini'],
  [/mistral|magistral|codestral|pixtral|ministral/, 'Mistral'],
  [/llama/, 'Llama'],
  [/qwen|qwq/, 'Qwen'],
  [/deepseek/, 'DeepSeek'],
  [/kimi|moonshot/, 'Kimi'],
  [/grok/, 'Grok'],
  [/command/, 'Command'],
  [/sonar/, 'Sonar'],
];

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('Name a folder of recorded answers.');
const service = openTokenService();
const counter = connectTokenCounter(service.openPort());
const errors = new Map<string, number[]>();
for (const recording of recordingsIn(folder)) {
  const measured = await measure(recording);
  if (!measured) continue;
  const list = errors.get(measured.family) ?? [];
  list.push(measured.error);
  errors.set(measured.family, list);
}
await service.close();

const percent = (value: number): string => `${value > 0 ? '+' : ''}${Math.round(value * 100)} %`;
console.log('| family | n | median | least | most |\n|---|---|---|---|---|');
for (const [family, list] of [...errors].sort(([, a], [, b]) => b.length - a.length)) {
  const sorted = list.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)]!;
  console.log(
    `| ${family} | ${list.length} | ${percent(median)} | ${percent(sorted[0]!)} | ${percent(sorted.at(-1)!)} |`,
  );
}

async function measure(recording: Recording): Promise<{ family: string; error: number } | null> {
  const events = read(recording);
  const usage = events?.findLast((event) => event.type === 'usage')?.usage;
  if (!events || usage?.source !== 'provider') return null;
  const { output, reasoning } = totalsOf(usage.lines);
  const holds = (kind: string) => events.some((event) => event.type === 'block-start' && event.kind === kind);
  // Reasoning is shown in part or summed up, and of what is no text there is nothing to count.
  if (output < leastTokens || reasoning > 0 || holds('opaque') || holds('reasoning')) return null;
  if (usage.lines.some(({ direction, modality }) => direction === 'output' && modality !== 'text'))
    return null;
  const texts = events.flatMap((event) => {
    if (event.type === 'delta') return [event.text];
    return event.type === 'block-start' && event.name ? [event.name] : [];
  });
  const { tokens } = await counter.count([texts.join('')]);
  const calls = holds('tool-call') ? ', with tool calls' : '';
  return { family: `${familyOf(recording)}${calls}`, error: tokens[0]! / output - 1 };
}

function read({ dialect, form, payloads }: Recording): AnswerEvent[] | null {
  const { provider } = chatDialects.find(({ name }) => name === dialect)!;
  try {
    if (form === 'whole') return provider.parseAnswer(payloads[0]!, target);
    const reader = provider.eventReader(target);
    return payloads.flatMap((payload) => reader.read({ name: '', data: JSON.stringify(payload) }));
  } catch {
    return null;
  }
}

/** By the model's name in the recording; one that says none is its dialect's. */
function familyOf({ payloads, dialect }: Recording): string {
  const text = JSON.stringify(payloads.slice(0, 3)) + JSON.stringify(payloads.slice(-2));
  const named = /"model(?:Version)?":"([^"]+)"/.exec(text)?.[1]?.toLowerCase() ?? '';
  return (
    families.find(([pattern]) => pattern.test(named))?.[1] ?? (named === '' ? `of ${dialect}` : 'others')
  );
}
