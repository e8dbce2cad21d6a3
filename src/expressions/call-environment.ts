import { createRequire } from 'node:module';
import type * as Cel from '@marcbachmann/cel-js';
import type { Environment } from '@marcbachmann/cel-js';
import type { CallFacts } from '#core/call-facts.ts';
import { matchesLinearly } from './linear-matches.ts';

type Facts<Part extends keyof CallFacts> = CallFacts[Part];
type FieldTypes<Part extends keyof CallFacts> = Readonly<
  Record<keyof Facts<Part>, 'string' | 'int' | 'bool' | 'map<string, string>'>
>;

const call: FieldTypes<'call'> = {
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
const request: FieldTypes<'request'> = {
  method: 'string',
  host: 'string',
  path: 'string',
  client: 'string',
  headers: 'map<string, string>',
};
const key: FieldTypes<'key'> = { id: 'string', name: 'string', project: 'string', team: 'string' };
const time: FieldTypes<'time'> = { hour: 'int', weekday: 'int' };

/** Names that an expression may use, and the types of their fields. */
export const callVariables = { call, request, key, time } as const;

type Wrapper = new (facts: object) => object;

/** A type of CEL over facts that are found out when they are asked for: its integers are bigints. */
function wrapperOf(fields: Readonly<Record<string, string>>): Wrapper {
  class Wrapped {
    readonly #facts: Readonly<Record<string, unknown>>;
    constructor(facts: object) {
      this.#facts = facts as Readonly<Record<string, unknown>>;
    }
    static fact(wrapped: Wrapped, name: string): unknown {
      return wrapped.#facts[name];
    }
  }
  for (const [name, type] of Object.entries(fields))
    Object.defineProperty(Wrapped.prototype, name, {
      get(this: Wrapped) {
        const fact = Wrapped.fact(this, name);
        return type === 'int' ? BigInt(fact as number) : fact;
      },
    });
  return Wrapped;
}

const wrappers = {
  call: wrapperOf(call),
  request: wrapperOf(request),
  key: wrapperOf(key),
  time: wrapperOf(time),
} as const;

export const contextOf = (facts: CallFacts) => ({
  get call() {
    return new wrappers.call(facts.call);
  },
  get request() {
    return new wrappers.request(facts.request);
  },
  get key() {
    return new wrappers.key(facts.key);
  },
  get time() {
    return new wrappers.time(facts.time);
  },
});

const limits = {
  maxAstNodes: 500,
  maxDepth: 50,
  maxListElements: 200,
  maxMapEntries: 50,
  maxCallArguments: 10,
};

let environment: Environment | null = null;

/** Made when the first rule is: a gateway without rules does not load the library. */
export function callEnvironment(): Environment {
  if (environment) return environment;
  const cel = createRequire(import.meta.url)('@marcbachmann/cel-js') as typeof Cel;
  const made = new cel.Environment({ limits });
  for (const [name, fields] of Object.entries(callVariables)) {
    const type = name.charAt(0).toUpperCase() + name.slice(1);
    made.registerType(type, { fields, ctor: wrappers[name as keyof typeof wrappers] as never });
    made.registerVariable(name, type);
  }
  made.registerFunction('string.matchesLinearly(string): bool', (text: string, pattern: string) =>
    matchesLinearly(text, pattern),
  );
  return (environment = made);
}
