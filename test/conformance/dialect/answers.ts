/** Answers in neutral words, made at random, and what can be compared of them after a journey. */
import fc from 'fast-check';
import type { AnswerEvent, BlockKind, FinishReason } from '#core/answer.ts';
import { inputLine, outputLine, totalsOf, type TokenTotals, type Usage } from '#core/usage.ts';

export interface SaidBlock {
  readonly kind: BlockKind;
  readonly text: string;
  readonly id?: string;
  readonly name?: string;
  readonly signature?: string;
  readonly sealed?: string;
}

export interface Said {
  /** By choice. */
  readonly choices: readonly {
    readonly blocks: readonly SaidBlock[];
    readonly finish: FinishReason | null;
  }[];
  readonly totals: TokenTotals | null;
  readonly ended: boolean;
}

/** A block and the pieces in which its text comes. */
interface Made {
  readonly block: SaidBlock;
  readonly pieces: readonly string[];
}

/** Awkward text: astral characters, line ends of SSE, quotes, what looks like a field or an end. */
export const text = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
  fc.constantFrom('\n\n', '\r\n', '"', '\\', '\u2028', '🦜', 'data: [DONE]\n\n', ': x', ' ', '\u0000', 'ß'),
);
const pieces = fc.array(text, { minLength: 1, maxLength: 4 });
const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,11}$/);
const argumentsOf = fc
  .tuple(
    fc.dictionary(word, fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)), { maxKeys: 3 }),
    fc.nat(9),
  )
  .map(([value, at]) => {
    const json = JSON.stringify(value);
    return [json.slice(0, at), json.slice(at)].filter((piece) => piece !== '');
  });

const spoken = (kind: BlockKind) =>
  pieces.map((of): Made => ({ block: { kind, text: of.join('') }, pieces: of }));
const signed = fc.tuple(pieces, word).map(([of, signature]): Made => {
  return { block: { kind: 'reasoning', text: of.join(''), signature }, pieces: of };
});
// Opaque states are base64 with all who have them; one of them decodes them.
const sealed = word.map((data): Made => ({
  block: { kind: 'reasoning', text: '', sealed: Buffer.from(data).toString('base64') },
  pieces: [],
}));
const tool = fc
  .tuple(argumentsOf, word, word)
  .map(([of, id, name]): Made => ({ block: { kind: 'tool-call', text: of.join(''), id, name }, pieces: of }));

export const reasons: readonly FinishReason[] = [
  'stop',
  'length',
  'tool-calls',
  'content-filter',
  'pause',
  'error',
  'other',
];

/** Reasoning of one answer is proven throughout, or not at all: no provider mixes. */
const blocks = fc
  .boolean()
  .chain((proven) =>
    fc.array(
      fc.oneof(
        spoken('text'),
        proven ? signed : spoken('reasoning'),
        proven ? sealed : spoken('refusal'),
        tool,
      ),
      { maxLength: 5 },
    ),
  );

export const usage = fc
  .record({
    plain: fc.nat(5000),
    read: fc.nat(500),
    written: fc.nat(500),
    output: fc.nat(5000),
    reasoning: fc.nat(500),
  })
  .map((of): Usage => ({
    lines: [
      inputLine(of.plain + 1),
      inputLine(of.read, 'read'),
      inputLine(of.written, 'write-5m'),
      outputLine(of.output),
      outputLine(of.reasoning, 'reasoning'),
    ],
    source: 'provider',
    raw: null,
    flags: [],
  }));

/** A whole sequence, in order; `choices` of them side by side. */
export function answers(choices: 1 | 2): fc.Arbitrary<AnswerEvent[]> {
  const choice = fc.tuple(blocks, fc.constantFrom(...reasons));
  return fc
    .tuple(fc.array(choice, { minLength: 1, maxLength: choices }), usage)
    .map(([made, used]): AnswerEvent[] => [
      { type: 'start', id: 'id-1', model: 'm', createdAtS: 1 },
      ...made.flatMap(([of, reason], index) => [
        ...of.flatMap((one, block) => eventsOf(one, index, block)),
        { type: 'finish', choice: index, reason } as const,
      ]),
      { type: 'usage', usage: used },
      { type: 'end' },
    ]);
}

function eventsOf({ block: said, pieces: of }: Made, choice: number, block: number): AnswerEvent[] {
  const { kind, id, name, signature, sealed: data } = said;
  const at = { choice, block } as const;
  return [
    {
      type: 'block-start',
      ...at,
      kind,
      ...(id === undefined ? {} : { id }),
      ...(name === undefined ? {} : { name }),
      ...(data === undefined ? {} : { sealed: data }),
    },
    ...of.map((piece): AnswerEvent => ({ type: 'delta', ...at, text: piece })),
    ...(signature === undefined ? [] : [{ type: 'signature', ...at, signature } as const]),
    { type: 'block-stop', ...at },
  ];
}

/** What a sequence says: neighbours of one kind run together, what is empty is nothing. Throws where it breaks the order. */
export function saidBy(events: readonly AnswerEvent[]): Said {
  const choices: { blocks: SaidBlock[]; finish: FinishReason | null }[] = [];
  const known = new Map<
    string,
    { said: { -readonly [K in keyof SaidBlock]: SaidBlock[K] }; open: boolean }
  >();
  let totals: TokenTotals | null = null;
  let ended = false;
  const at = (choice: number) => (choices[choice] ??= { blocks: [], finish: null });
  for (const event of events) {
    if (ended) throw new Error(`${event.type} after the end`);
    if ('choice' in event && choices[event.choice]?.finish) throw new Error(`${event.type} after the finish`);
    const key = 'block' in event ? `${event.choice}/${event.block}` : '';
    const entry = known.get(key);
    switch (event.type) {
      case 'block-start': {
        if (entry) throw new Error(`block ${key} begins twice`);
        const { kind, id, name, sealed: data } = event;
        const said = {
          kind,
          text: '',
          ...(id === undefined ? {} : { id }),
          ...(name === undefined ? {} : { name }),
          ...(data === undefined ? {} : { sealed: data }),
        };
        known.set(key, { said, open: true });
        at(event.choice).blocks.push(said);
        break;
      }
      case 'delta':
      case 'signature':
        if (!entry?.open) throw new Error(`${event.type} outside of a block`);
        if (event.type === 'delta') entry.said.text += event.text;
        else entry.said.signature = event.signature;
        break;
      case 'block-stop':
        if (!entry?.open) throw new Error(`block ${key} stops twice`);
        entry.open = false;
        break;
      case 'finish':
        at(event.choice).finish = event.reason;
        break;
      case 'usage':
        totals = totalsOf(event.usage.lines);
        break;
      case 'end':
        ended = true;
        break;
      default:
        break;
    }
  }
  if (ended && [...known.values()].some(({ open }) => open)) throw new Error('a block is open at the end');
  return { choices: choices.map((c) => ({ ...c, blocks: joined(c.blocks) })), totals, ended };
}

export function joined(of: readonly SaidBlock[]): SaidBlock[] {
  const result: SaidBlock[] = [];
  for (const block of of) {
    const last = result.at(-1);
    const isPlain = block.kind !== 'tool-call' && block.sealed === undefined;
    if (isPlain && block.text === '' && block.signature === undefined) continue;
    const joins =
      isPlain && last?.kind === block.kind && last.sealed === undefined && last.signature === undefined;
    if (joins) result.push({ ...block, text: result.pop()!.text + block.text });
    else result.push(block);
  }
  return result;
}

export function refusalsAsText(blocks: readonly SaidBlock[]): SaidBlock[] {
  return joined(blocks.map((block) => (block.kind === 'refusal' ? { ...block, kind: 'text' } : block)));
}
