/**
 * How far the gateway's own count of an answer is from what its provider said, by family of models: a folder of recorded answers
 * (`*.json`, `*.chunks.txt`, `*.sse`), read by the dialects' own readers.
 *
 *     node --conditions=source bench/token-error.ts FOLDER
 */
import type { AnswerEvent } from '#core/answer.ts';
import type { TokenCounter } from '#core/contracts/token-counter.ts';
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

/** What was counted of one answer, and what its provider said. */
interface Measured {
  readonly counted: number;
  readonly said: number;
  readonly toolCalls: number;
}

export interface FamilyErrors {
  readonly family: string;
  readonly withToolCalls: boolean;
  readonly answers: readonly Measured[];
}

/** Of a family, answers without tool calls come before those with some. */
export async function tokenErrors(folder: string): Promise<FamilyErrors[]> {
  const service = openTokenService();
  try {
    const counter = connectTokenCounter(service.openPort());
    const all: (Measured & { readonly family: string })[] = [];
    for (const recording of recordingsIn(folder)) {
      const measured = await measure(recording, counter);
      if (measured) all.push({ ...measured, family: familyOf(recording) });
    }
    const byFamily = Object.entries(Object.groupBy(all, ({ family }) => family)).sort(([a], [b]) =>
      a < b ? -1 : 1,
    );
    return byFamily.flatMap(([family, answers]) =>
      [false, true].flatMap((withToolCalls) => {
        const such = answers!.filter(({ toolCalls }) => toolCalls > 0 === withToolCalls);
        return such.length > 0 ? [{ family, withToolCalls, answers: such }] : [];
      }),
    );
  } finally {
    await service.close();
  }
}

/** Ten per cent too few is `-10 %`. The last column: how many tokens are missing for each tool call, in the median. */
export function renderErrors(families: readonly FamilyErrors[]): string {
  const percent = (value: number): string => `${value > 0 ? '+' : ''}${Math.round(value * 100)} %`;
  const rows = families.map(({ family, withToolCalls, answers }) => {
    const errors = answers.map(({ counted, said }) => counted / said - 1).sort((a, b) => a - b);
    const missing = answers
      .map(({ counted, said, toolCalls }) => (said - counted) / toolCalls)
      .sort((a, b) => a - b);
    const cells = [
      withToolCalls ? `${family}, with tool calls` : family,
      answers.length,
      ...[middle(errors), errors[0]!, errors.at(-1)!].map(percent),
      withToolCalls ? Math.round(middle(missing)) : '–',
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| family | n | median | least | most | missing a call |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

const middle = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length / 2)]!;

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error('Name a folder of recorded answers.');
  console.log(renderErrors(await tokenErrors(folder)));
}

async function measure(recording: Recording, counter: TokenCounter): Promise<Measured | null> {
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
  const toolCalls = events.filter(
    (event) => event.type === 'block-start' && event.kind === 'tool-call',
  ).length;
  return { counted: tokens[0]!, said: output, toolCalls };
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
    families.find(([pattern]) => pattern.test(named))?.[1] ??
    (named === '' ? `unnamed, ${dialect}` : 'others')
  );
}
