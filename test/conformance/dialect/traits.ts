/**
 * What the suite must know of each dialect: which of the neutral words it has, and how usage comes on its wire. A new
 * dialect adds its own here; the suite fails until it has.
 */
import fc from 'fast-check';
import type { FinishReason } from '#core/answer.ts';
import type { Conversation } from '#core/call.ts';
import type { TokenTotals } from '#core/usage.ts';
import { joined, refusalsAsText, type SaidBlock } from './answers.ts';
import { bedrockTraits } from './bedrock-converse/traits.ts';
import { cohereTraits } from './cohere-chat/traits.ts';
import { geminiTraits } from './gemini-generate/traits.ts';
import { ollamaTraits } from './ollama-chat/traits.ts';
import { completionsTraits } from './openai-completions/traits.ts';
import { responsesTraits } from './openai-responses/traits.ts';

export interface Traits {
  /** Choices that one answer can have. */
  readonly choices: 1 | 2;
  /** The dialect's word for each reason. What it reads back as is the first reason with the same word. */
  readonly finish: Readonly<Record<FinishReason, string>>;
  /** Blocks as they come back out of a stream of this dialect. */
  streamed(blocks: readonly SaidBlock[]): SaidBlock[];
  /** Blocks as they come back out of a whole answer. */
  whole(blocks: readonly SaidBlock[]): SaidBlock[];
  /** Where the model's name and the wish for a stream stand; absent: in the body. */
  readonly modelIn?: 'path';
  /** Payloads of a stream in which usage comes bit by bit, and the totals they amount to. */
  readonly usage: fc.Arbitrary<UsageCase>;
  /** A payload with this in every field of usage. */
  usagePayload(figure: unknown): object;
  /** What of a call the dialect can carry; absent: all of it. */
  carries?(call: Conversation): Conversation;
  /** What of the totals comes on its wire; absent: all of it. */
  totals?(totals: TokenTotals): TokenTotals;
  /** False where it has no tools. */
  readonly callsTools?: false;
  /** Its word for a stop sequence that matched, where it has one. */
  readonly stopSequence?: string;
  /** The reason that is read where it does not follow from the word alone. */
  heard?(choice: SaidChoice): FinishReason;
}

export interface SaidChoice {
  readonly blocks: readonly SaidBlock[];
  readonly finish: FinishReason;
}

export interface UsageCase {
  readonly payloads: readonly object[];
  readonly totals: TokenTotals;
}

/** Figures that grow: each is at least the one before. */
const growing = (most: number) =>
  fc.array(fc.nat(most), { minLength: 3, maxLength: 3 }).map((of) => of.sort((a, b) => a - b));

const chatUsage = fc
  .record({
    prompt: growing(9000),
    completion: growing(9000),
    shares: fc.tuple(fc.nat(100), fc.nat(100), fc.nat(100)),
    place: fc.constantFrom('own chunk', 'finish chunk', 'every chunk', 'twice', 'choice', 'vendor'),
    details: fc.constantFrom('all', 'null', 'absent'),
    nulls: fc.boolean(),
  })
  .map(({ prompt, completion, shares, place, details, nulls }): UsageCase => {
    const at = (step: number) => {
      const cached = details === 'all' ? Math.floor((prompt[step]! * shares[0]) / 100) : 0;
      const written = details === 'all' ? Math.floor(((prompt[step]! - cached) * shares[1]) / 100) : 0;
      const reasoning = details === 'all' ? Math.floor((completion[step]! * shares[2]) / 100) : 0;
      const shown = {
        prompt_tokens_details: { cached_tokens: cached, cache_write_tokens: written },
        completion_tokens_details: { reasoning_tokens: reasoning },
      };
      return {
        totals: {
          input: prompt[step]!,
          output: completion[step]!,
          cacheRead: cached,
          cacheWrite: written,
          reasoning,
        },
        raw: {
          prompt_tokens: prompt[step]!,
          completion_tokens: completion[step]!,
          total_tokens: prompt[step]! + completion[step]!,
          ...(details === 'all' ? shown : {}),
          ...(details === 'null' ? { prompt_tokens_details: null, completion_tokens_details: null } : {}),
        },
      };
    };
    const chunk = (choices: object[], more: object = {}) => ({
      id: 'c',
      object: 'chat.completion.chunk',
      created: 1,
      model: 'm',
      choices,
      ...(nulls ? { usage: null } : {}),
      ...more,
    });
    const said = { index: 0, delta: { role: 'assistant', content: 'x' }, finish_reason: null };
    const last = { index: 0, delta: {}, finish_reason: 'stop' };
    const on = (step: number) => ({ usage: at(step).raw });
    const often = place === 'every chunk';
    const atFinish = ['finish chunk', 'twice', 'every chunk'].includes(place);
    return {
      totals: at(2).totals,
      payloads: [
        chunk([said], often ? on(0) : {}),
        chunk([{ ...said, delta: { content: 'y' } }], often ? on(1) : {}),
        place === 'choice'
          ? chunk([{ ...last, ...on(2) }])
          : chunk([last], { ...(atFinish ? on(2) : {}), ...(place === 'vendor' ? { x_groq: on(2) } : {}) }),
        ...(place === 'own chunk' || place === 'twice' ? [chunk([], on(2))] : []),
      ],
    };
  });

const messageFigures = [
  'input_tokens',
  'cache_read_input_tokens',
  'cache_creation_input_tokens',
  'output_tokens',
] as const;
const someFigures = fc.record(
  Object.fromEntries(messageFigures.map((name) => [name, fc.oneof(fc.nat(9000), fc.constant(null))])),
  { requiredKeys: [] },
);
const messageUsage = fc
  .tuple(someFigures, fc.array(someFigures, { minLength: 1, maxLength: 3 }), fc.nat(100))
  .map(([first, later, share]): UsageCase => {
    const last = (name: string) =>
      [first, ...later].map((of) => of[name]).findLast((value) => value !== null && value !== undefined) ?? 0;
    const reasoning = Math.floor((last('output_tokens') * share) / 100);
    const read = last('cache_read_input_tokens');
    const written = last('cache_creation_input_tokens');
    return {
      totals: {
        input: last('input_tokens') + read + written,
        output: last('output_tokens'),
        cacheRead: read,
        cacheWrite: written,
        reasoning,
      },
      payloads: [
        { type: 'message_start', message: { id: 'i', model: 'm', content: [], usage: first } },
        { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
        { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'x' } },
        { type: 'content_block_stop', index: 0 },
        ...later.map((usage, i) => ({
          type: 'message_delta',
          delta: i === later.length - 1 ? { stop_reason: 'end_turn', stop_sequence: null } : {},
          usage:
            i === later.length - 1
              ? { ...usage, output_tokens_details: { thinking_tokens: reasoning } }
              : usage,
        })),
        { type: 'message_stop' },
      ],
    };
  });

const only = (blocks: readonly SaidBlock[], kind: SaidBlock['kind']) =>
  blocks.filter((block) => block.kind === kind);

export const traits: Readonly<Record<string, Traits>> = {
  'openai-chat': {
    choices: 2,
    finish: {
      stop: 'stop',
      length: 'length',
      'tool-calls': 'tool_calls',
      'content-filter': 'content_filter',
      pause: 'stop',
      error: 'stop',
      other: 'stop',
    },
    streamed: joined,
    // A message has one place for each kind.
    whole: (blocks) => [
      ...joined(only(blocks, 'reasoning')),
      ...joined(only(blocks, 'text')),
      ...joined(only(blocks, 'refusal')),
      ...only(blocks, 'tool-call'),
    ],
    usage: chatUsage,
    usagePayload: (figure) => ({
      id: 'c',
      choices: [],
      usage: {
        prompt_tokens: figure,
        completion_tokens: figure,
        total_tokens: figure,
        prompt_tokens_details: { cached_tokens: figure, cache_write_tokens: figure, audio_tokens: figure },
        completion_tokens_details: { reasoning_tokens: figure, audio_tokens: figure },
      },
    }),
  },
  'anthropic-messages': {
    choices: 1,
    stopSequence: 'stop_sequence',
    finish: {
      stop: 'end_turn',
      length: 'max_tokens',
      'tool-calls': 'tool_use',
      'content-filter': 'refusal',
      pause: 'pause_turn',
      error: 'end_turn',
      other: 'end_turn',
    },
    // A tool called without arguments streams none, and means an empty object.
    streamed: (blocks) =>
      refusalsAsText(blocks).map((block) =>
        block.kind === 'tool-call' && block.text === '' ? { ...block, text: '{}' } : block,
      ),
    whole: refusalsAsText,
    usage: messageUsage,
    usagePayload: (figure) => ({
      type: 'message_delta',
      delta: {},
      usage: {
        input_tokens: figure,
        cache_read_input_tokens: figure,
        cache_creation_input_tokens: figure,
        cache_creation: { ephemeral_5m_input_tokens: figure, ephemeral_1h_input_tokens: figure },
        output_tokens: figure,
        output_tokens_details: { thinking_tokens: figure },
      },
    }),
  },
  'bedrock-converse': bedrockTraits,
  'cohere-chat': cohereTraits,
  'gemini-generate': geminiTraits,
  'ollama-chat': ollamaTraits,
  'openai-completions': completionsTraits,
  'openai-responses': responsesTraits,
};

/** The reason that a dialect's word for this one is read as. */
export function readsAs(of: Traits, reason: FinishReason): FinishReason {
  const [first] = Object.entries(of.finish).find(([, word]) => word === of.finish[reason])!;
  return first as FinishReason;
}

/** The reason that is read of a choice. */
export const hears = (of: Traits, choice: SaidChoice): FinishReason =>
  of.heard?.(choice) ?? readsAs(of, choice.finish);
