/** What a call can ask for, one thing at a time, and how it is known that it is still asked for. */
import type { Conversation, Part, Tool, Turn } from '#core/call.ts';
import { words } from '#dialects/openai-chat/words.ts';

export interface CallFeature {
  readonly name: string;
  readonly ask: Partial<Conversation>;
  /** Does a call, read anew, still ask for it? `said` is what the client had said. */
  isAsked(call: Conversation, said: Conversation): boolean;
  /** Dialects in which it is so unasked. */
  readonly unasked?: readonly string[];
}

/** Must this tool be called: by its name, or because it is the only one that there is? */
const mustCall =
  (name: string) =>
  ({ toolChoice, tools }: Conversation): boolean => {
    if (toolChoice?.type === 'named') return toolChoice.name === name;
    if (toolChoice?.type !== 'required') return false;
    if ('among' in toolChoice) return toolChoice.among.join() === name;
    return tools.length === 1 && tools[0]!.name === name;
  };

const text = (of: string): Part => ({ type: 'text', text: of });
const user: Turn = { role: 'user', parts: [text('What do you see?')] };
const png = { kind: 'base64', mediaType: 'image/png', data: 'iVBORw0KGgo=' } as const;
const look: Tool = {
  name: 'look',
  description: 'Looks.',
  schema: { type: 'object', properties: { at: { type: 'string' } } },
  strict: null,
};
const wait: Tool = { ...look, name: 'wait' };
const call = (id: string, name = 'look'): Part => ({
  type: 'tool-call',
  id,
  name,
  arguments: '{"at":"it"}',
});
const result = (callId: string, parts: readonly Part[] = [text('a cat')], isError = false): Part => ({
  type: 'tool-result',
  callId,
  parts,
  isError,
});
const loop = (...results: readonly Part[]): Turn[] => [
  user,
  { role: 'assistant', parts: results.map((_, i) => call(`call_${i + 1}`)) },
  { role: 'tool', parts: results },
];

const partsOf = ({ turns }: Conversation): Part[] =>
  turns.flatMap(({ parts }) =>
    parts.flatMap((part) => (part.type === 'tool-result' ? [part, ...part.parts] : [part])),
  );
const has =
  (type: Part['type'], also: (part: Part) => boolean = () => true) =>
  (of: Conversation) =>
    partsOf(of).some((part) => part.type === type && also(part));
const figure = (name: 'temperature' | 'topP' | 'topK' | 'seed' | 'frequencyPenalty' | 'presencePenalty') => ({
  ask: { [name]: name === 'topK' || name === 'seed' ? 7 : 0.5 },
  isAsked: (of: Conversation) => of[name] === (name === 'topK' || name === 'seed' ? 7 : 0.5),
});

export const callFeatures: readonly CallFeature[] = [
  {
    name: 'system prompt',
    ask: { turns: [{ role: 'system', parts: [text('Be brief.')] }, user] },
    isAsked: ({ turns }) => turns.some(({ role }) => role === 'system'),
  },
  {
    name: 'system message in the middle',
    ask: {
      turns: [
        user,
        { role: 'assistant', parts: [text('A cat.')] },
        { role: 'system', parts: [text('Be brief.')] },
        user,
      ],
    },
    isAsked: ({ turns }) => turns.findIndex(({ role }) => role === 'system') > 0,
  },
  {
    name: 'several turns',
    ask: { turns: [user, { role: 'assistant', parts: [text('A cat.')] }, user] },
    isAsked: ({ turns }) => turns.map(({ role }) => role).join() === 'user,assistant,user',
  },
  {
    name: 'image, inlined',
    ask: { turns: [{ role: 'user', parts: [text('See:'), { type: 'image', source: png }] }] },
    isAsked: has('image', (part) => part.type === 'image' && part.source.kind === 'base64'),
  },
  {
    name: 'image by URL',
    ask: {
      turns: [
        {
          role: 'user',
          parts: [text('See:'), { type: 'image', source: { kind: 'url', url: 'https://a.test/b.png' } }],
        },
      ],
    },
    isAsked: has('image', (part) => part.type === 'image' && part.source.kind === 'url'),
  },
  {
    name: 'document (PDF)',
    ask: {
      turns: [
        {
          role: 'user',
          parts: [
            text('Read:'),
            {
              type: 'document',
              name: 'a.pdf',
              source: { kind: 'base64', mediaType: 'application/pdf', data: 'JVBERi0=' },
            },
          ],
        },
      ],
    },
    isAsked: has('document'),
  },
  {
    name: 'audio',
    ask: {
      turns: [{ role: 'user', parts: [text('Hear:'), { type: 'audio', format: 'wav', data: 'UklGRg==' }] }],
    },
    isAsked: has('audio'),
  },
  {
    name: 'video',
    ask: {
      turns: [
        {
          role: 'user',
          parts: [
            text('Watch:'),
            { type: 'video', source: { kind: 'base64', mediaType: 'video/mp4', data: 'AAAA' } },
          ],
        },
      ],
    },
    isAsked: has('video'),
  },
  { name: 'tools', ask: { tools: [look, wait] }, isAsked: ({ tools }) => tools.length === 2 },
  {
    name: 'strict tool',
    ask: { tools: [{ ...look, strict: true }] },
    isAsked: ({ tools }) => tools[0]?.strict === true,
  },
  {
    name: 'one tool at a time',
    ask: { tools: [look], parallelToolCalls: false },
    isAsked: ({ parallelToolCalls }) => parallelToolCalls === false,
  },
  {
    name: 'some tool must be called',
    ask: { tools: [look], toolChoice: { type: 'required' } },
    isAsked: ({ toolChoice }) => toolChoice?.type === 'required',
  },
  {
    name: 'this tool must be called',
    ask: { tools: [look, wait], toolChoice: { type: 'named', name: 'wait' } },
    isAsked: mustCall('wait'),
  },
  {
    name: 'one of these tools must be called',
    ask: { tools: [look, wait], toolChoice: { type: 'required', among: ['wait'] } },
    isAsked: mustCall('wait'),
  },
  {
    name: 'no tool may be called',
    ask: { tools: [look], toolChoice: { type: 'none' }, turns: loop(result('call_1')) },
    isAsked: ({ toolChoice, tools }) => toolChoice?.type === 'none' || tools.length === 0,
  },
  {
    name: 'parallel tool calls and their results',
    ask: { tools: [look], turns: loop(result('call_1'), result('call_2')) },
    isAsked: (of) =>
      partsOf(of).filter(({ type }) => type === 'tool-call').length === 2 &&
      partsOf(of).filter(({ type }) => type === 'tool-result').length === 2,
  },
  {
    name: 'tool result with an image',
    ask: { tools: [look], turns: loop(result('call_1', [text('this:'), { type: 'image', source: png }])) },
    isAsked: has('image'),
  },
  {
    name: 'failed tool',
    ask: { tools: [look], turns: loop(result('call_1', [text('no such place')], true)) },
    isAsked: has('tool-result', (part) => part.type === 'tool-result' && part.isError),
  },
  {
    name: 'answer by a JSON schema',
    ask: {
      outputFormat: {
        type: 'json-schema',
        name: 'answer',
        schema: { type: 'object', properties: {}, additionalProperties: false },
        strict: true,
      },
    },
    isAsked: ({ outputFormat }) => outputFormat?.type === 'json-schema',
  },
  {
    name: 'answer in JSON',
    ask: { outputFormat: { type: 'json' } },
    isAsked: ({ outputFormat }) => outputFormat?.type === 'json',
  },
  {
    name: 'reasoning, by effort',
    ask: { reasoning: { effort: 'high', budgetTokens: null, enabled: true } },
    isAsked: ({ reasoning }, { reasoning: said }) =>
      // As much as the model thinks fit is what it does unasked.
      reasoning === null ? said?.effort === null && said.budgetTokens === null : reasoning.enabled,
  },
  {
    name: 'no reasoning',
    ask: { reasoning: { effort: null, budgetTokens: null, enabled: false } },
    isAsked: ({ reasoning }) => reasoning?.enabled === false,
    unasked: ['openai-completions'],
  },
  {
    name: 'reasoning of before',
    ask: {
      reasoning: { effort: 'high', budgetTokens: null, enabled: true },
      turns: [
        user,
        {
          role: 'assistant',
          parts: [{ type: 'reasoning', text: 'I see.', signature: 'c2ln', sealed: null }, text('A cat.')],
        },
        user,
      ],
    },
    isAsked: has('reasoning', (part) => part.type === 'reasoning' && part.text === 'I see.'),
  },
  {
    name: 'marks for caching',
    ask: { turns: [{ role: 'user', parts: [{ type: 'text', text: 'Long.', cache: { ttl: null } }] }] },
    isAsked: (of) => partsOf(of).some((part) => 'cache' in part && part.cache !== undefined),
  },
  {
    name: 'bound on the output',
    ask: { maxOutputTokens: 77 },
    isAsked: ({ maxOutputTokens }) => maxOutputTokens === 77,
  },
  {
    name: 'stop sequences',
    ask: { stop: ['END', 'STOP'] },
    isAsked: ({ stop }) => stop.join() === 'END,STOP',
  },
  { name: 'several answers (n)', ask: { choices: 2 }, isAsked: ({ choices }) => choices === 2 },
  { name: 'log probabilities', ask: { logprobs: 2 }, isAsked: ({ logprobs }) => logprobs !== null },
  { name: 'seed', ...figure('seed') },
  { name: 'temperature', ...figure('temperature') },
  { name: 'top_p', ...figure('topP') },
  { name: 'top_k', ...figure('topK') },
  { name: 'frequency penalty', ...figure('frequencyPenalty') },
  { name: 'presence penalty', ...figure('presencePenalty') },
  { name: 'end user', ask: { endUser: 'u-1' }, isAsked: ({ endUser }) => endUser === 'u-1' },
];

export const callWith = (ask: Partial<Conversation>): Conversation => ({
  dialect: 'another',
  words,
  turns: [user],
  tools: [],
  toolChoice: null,
  parallelToolCalls: null,
  outputFormat: null,
  maxOutputTokens: 100,
  choices: 1,
  stop: [],
  temperature: null,
  topP: null,
  topK: null,
  seed: null,
  frequencyPenalty: null,
  presencePenalty: null,
  logprobs: null,
  reasoning: null,
  endUser: null,
  stream: false,
  rest: {},
  ...ask,
});
