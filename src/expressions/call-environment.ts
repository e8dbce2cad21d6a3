import type { Environment } from '@marcbachmann/cel-js';
import type { CallFacts } from '#core/call-facts.ts';
import { createEnvironment, wrappersOf } from './create-environment.ts';
import type { FieldTypes } from './wrapped-facts.ts';

const call: FieldTypes<CallFacts['call']> = {
  model: 'string',
  dialect: 'string',
  stream: 'bool',
  promptTokens: 'int',
  promptCharacters: 'int',
  messages: 'int',
  tools: 'int',
  images: 'int',
  documents: 'int',
  audios: 'int',
  videos: 'int',
  maxOutputTokens: 'int',
  choices: 'int',
  reasoning: 'bool',
  effort: 'string',
  format: 'string',
  language: 'string',
};
const request: FieldTypes<CallFacts['request']> = {
  method: 'string',
  host: 'string',
  path: 'string',
  client: 'string',
  headers: 'map<string, string>',
};
const key: FieldTypes<CallFacts['key']> = { id: 'string', name: 'string', project: 'string', team: 'string' };
const consumer: FieldTypes<CallFacts['consumer']> = {
  id: 'string',
  name: 'string',
  project: 'string',
  team: 'string',
  groups: 'list<string>',
};
const time: FieldTypes<CallFacts['time']> = { hour: 'int', weekday: 'int' };

/** Names that an expression may use, besides `claims`, and the types of their fields. */
export const callVariables = { call, request, key, consumer, time } as const;

const wrappers = wrappersOf(callVariables);

export const contextOf = (facts: CallFacts) => ({
  get call() {
    return new wrappers['call']!(facts.call);
  },
  get request() {
    return new wrappers['request']!(facts.request);
  },
  get key() {
    return new wrappers['key']!(facts.key);
  },
  get consumer() {
    return new wrappers['consumer']!(facts.consumer);
  },
  get claims() {
    return new Map(Object.entries(facts.claims));
  },
  get time() {
    return new wrappers['time']!(facts.time);
  },
});

let environment: Environment | null = null;

/** Made when the first rule is: a gateway without rules does not load the library. */
export const callEnvironment = (): Environment =>
  (environment ??= createEnvironment({ variables: callVariables, wrappers, maps: ['claims'] }));
