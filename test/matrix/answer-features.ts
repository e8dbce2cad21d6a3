/** What an answer can tell, one thing at a time, and how it is known that it is still told. */
import type { AnswerEvent, BlockKind, FinishReason } from '#core/answer.ts';
import {
  inputLine,
  outputLine,
  totalsOf,
  type TokenTotals,
  type Usage,
  type UsageLine,
} from '#core/usage.ts';

export interface AnswerFeature {
  readonly name: string;
  readonly events: readonly AnswerEvent[];
  isTold(events: readonly AnswerEvent[]): boolean;
}

const start: AnswerEvent = { type: 'start', id: 'id-1', model: 'm', createdAtS: 1 };
const usageOf = (...lines: UsageLine[]): AnswerEvent & { type: 'usage' } => {
  const usage: Usage = { lines, source: 'provider', raw: null, flags: [] };
  return { type: 'usage', usage };
};
const plainUsage = usageOf(inputLine(20), outputLine(10));

function answer(
  blocks: readonly AnswerEvent[],
  reason: FinishReason = 'stop',
  usage = plainUsage,
): AnswerEvent[] {
  return [start, ...blocks, { type: 'finish', choice: 0, reason }, usage, { type: 'end' }];
}

function block(kind: BlockKind, text: string, more: object = {}, number = 0, choice = 0): AnswerEvent[] {
  const at = { choice, block: number };
  return [
    { type: 'block-start', ...at, kind, ...more },
    { type: 'delta', ...at, text },
    { type: 'block-stop', ...at },
  ];
}

const textOf = (events: readonly AnswerEvent[], kind: BlockKind): string => {
  const blocks = new Set(
    events.flatMap((event) =>
      event.type === 'block-start' && event.kind === kind ? [`${event.choice}/${event.block}`] : [],
    ),
  );
  return events
    .map((event) =>
      event.type === 'delta' && blocks.has(`${event.choice}/${event.block}`) ? event.text : '',
    )
    .join('');
};
const finishOf = (events: readonly AnswerEvent[]) => events.find((event) => event.type === 'finish')?.reason;
const totals = (events: readonly AnswerEvent[]): TokenTotals | null => {
  const last = events.findLast((event) => event.type === 'usage');
  return last ? totalsOf(last.usage.lines) : null;
};

export const answerFeatures: readonly AnswerFeature[] = [
  {
    name: 'text',
    events: answer(block('text', 'A cat.')),
    isTold: (events) => textOf(events, 'text') === 'A cat.',
  },
  {
    name: 'tool calls, several',
    events: answer(
      [
        ...block('tool-call', '{"at":"it"}', { id: 'c1', name: 'look' }),
        ...block('tool-call', '{"at":"me"}', { id: 'c2', name: 'wait' }, 1),
      ],
      'tool-calls',
    ),
    isTold: (events) =>
      events
        .flatMap((event) => (event.type === 'block-start' && event.kind === 'tool-call' ? [event.name] : []))
        .join() === 'look,wait' && textOf(events, 'tool-call') === '{"at":"it"}{"at":"me"}',
  },
  {
    name: 'reasoning',
    events: answer([...block('reasoning', 'I see.'), ...block('text', 'A cat.', {}, 1)]),
    isTold: (events) => textOf(events, 'reasoning') === 'I see.',
  },
  {
    name: 'proof of reasoning',
    events: answer([
      { type: 'block-start', choice: 0, block: 0, kind: 'reasoning' },
      { type: 'delta', choice: 0, block: 0, text: 'I see.' },
      { type: 'signature', choice: 0, block: 0, signature: 'c2ln' },
      { type: 'block-stop', choice: 0, block: 0 },
      ...block('text', 'A cat.', {}, 1),
    ]),
    isTold: (events) => events.some((event) => event.type === 'signature' && event.signature === 'c2ln'),
  },
  {
    name: 'sealed reasoning',
    events: answer([
      { type: 'block-start', choice: 0, block: 0, kind: 'reasoning', sealed: 'c2VhbGVk' },
      { type: 'block-stop', choice: 0, block: 0 },
      ...block('text', 'A cat.', {}, 1),
    ]),
    isTold: (events) => events.some((event) => event.type === 'block-start' && event.sealed === 'c2VhbGVk'),
  },
  {
    name: 'refusal, as such',
    events: answer(block('refusal', 'I will not.'), 'content-filter'),
    isTold: (events) => textOf(events, 'refusal') === 'I will not.',
  },
  {
    name: 'citations',
    events: answer([
      { type: 'block-start', choice: 0, block: 0, kind: 'text' },
      { type: 'delta', choice: 0, block: 0, text: 'A cat.' },
      {
        type: 'citation',
        choice: 0,
        block: 0,
        citation: { url: 'https://a.test/', title: 'A', quote: 'cat', start: 2, end: 5 },
      },
      { type: 'block-stop', choice: 0, block: 0 },
    ]),
    isTold: (events) =>
      events.some((event) => event.type === 'citation' && event.citation.url === 'https://a.test/'),
  },
  {
    name: 'several answers',
    events: [
      start,
      ...block('text', 'one'),
      ...block('text', 'two', {}, 0, 1),
      { type: 'finish', choice: 0, reason: 'stop' },
      { type: 'finish', choice: 1, reason: 'stop' },
      plainUsage,
      { type: 'end' },
    ],
    isTold: (events) => events.some((event) => event.type === 'delta' && event.choice === 1),
  },
  ...(['stop', 'length', 'tool-calls', 'content-filter', 'pause', 'error'] as const).map(
    (reason): AnswerFeature => ({
      name: `finish: ${reason}`,
      events: answer(
        reason === 'tool-calls'
          ? block('tool-call', '{}', { id: 'c1', name: 'look' })
          : block('text', 'A cat.'),
        reason,
      ),
      isTold: (events) => finishOf(events) === reason,
    }),
  ),
  {
    name: 'usage: input and output',
    events: answer(block('text', 'A cat.')),
    isTold: (events) => totals(events)?.input === 20 && totals(events)?.output === 10,
  },
  {
    name: 'usage: read from a cache',
    events: answer(
      block('text', 'A cat.'),
      'stop',
      usageOf(inputLine(15), inputLine(5, 'read'), outputLine(10)),
    ),
    isTold: (events) => totals(events)?.input === 20 && totals(events)?.cacheRead === 5,
  },
  {
    name: 'usage: written to a cache',
    events: answer(
      block('text', 'A cat.'),
      'stop',
      usageOf(inputLine(15), inputLine(5, 'write-5m'), outputLine(10)),
    ),
    isTold: (events) => totals(events)?.input === 20 && totals(events)?.cacheWrite === 5,
  },
  {
    name: 'usage: reasoning',
    events: answer(
      [...block('reasoning', 'I see.'), ...block('text', 'A cat.', {}, 1)],
      'stop',
      usageOf(inputLine(20), outputLine(6), outputLine(4, 'reasoning')),
    ),
    isTold: (events) => totals(events)?.output === 10 && totals(events)?.reasoning === 4,
  },
];
