import type { Part } from '#core/call.ts';
import type { CallFacts } from '#core/call-facts.ts';
import type { Exchange } from '#core/exchange.ts';
import { guessLanguage } from '#core/language.ts';
import { inputText } from './input-text.ts';
import type { ModelCall } from './model-call.ts';

/** What rules may go by, found out when it is asked for. */
export function callFacts(exchange: Exchange, call: ModelCall, nowMs: number): CallFacts {
  return {
    call: new Asked(exchange, call),
    request: new Requested(exchange),
    key: exchange.consumer ?? nobody,
    consumer: { ...(exchange.consumer ?? nobody), name: exchange.consumer?.consumer ?? '' },
    claims: exchange.claims ?? {},
    time: {
      hour: new Date(nowMs).getUTCHours(),
      // Sunday is 0 here.
      weekday: new Date(nowMs).getUTCDay() || 7,
    },
  };
}

const nobody = { id: '', name: '', project: '', team: '', groups: [] };

class Asked {
  readonly #exchange: Exchange;
  readonly #call: ModelCall;

  constructor(exchange: Exchange, call: ModelCall) {
    this.#exchange = exchange;
    this.#call = call;
  }

  get model(): string {
    return this.#call.brief.model;
  }

  get dialect(): string {
    return this.#call.dialect.name;
  }

  get stream(): boolean {
    return this.#call.brief.stream;
  }

  get promptTokens(): number {
    return this.#exchange.estimatedInput;
  }

  get promptCharacters(): number {
    return inputText(this.#call).length;
  }

  get messages(): number {
    return this.#conversation.turns.length;
  }

  get tools(): number {
    return this.#conversation.tools.length;
  }

  get images(): number {
    return this.#count('image');
  }

  get documents(): number {
    return this.#count('document');
  }

  get audios(): number {
    return this.#count('audio');
  }

  get videos(): number {
    return this.#count('video');
  }

  get maxOutputTokens(): number {
    return this.#call.brief.maxOutputTokens ?? 0;
  }

  get choices(): number {
    return this.#call.brief.choices;
  }

  get reasoning(): boolean {
    return this.#conversation.reasoning?.enabled ?? false;
  }

  get effort(): string {
    return this.#conversation.reasoning?.effort ?? '';
  }

  get format(): 'text' | 'json' | 'json-schema' {
    return this.#conversation.outputFormat?.type ?? 'text';
  }

  get language(): string {
    const last = this.#conversation.turns.findLast(({ role }) => role === 'user');
    return guessLanguage(
      (last?.parts ?? []).map((part) => (part.type === 'text' ? part.text : '')).join(' '),
    );
  }

  get #conversation() {
    return this.#call.conversation();
  }

  #count(type: Part['type']): number {
    let count = 0;
    const walk = (parts: readonly Part[]) => {
      for (const part of parts) {
        if (part.type === type) count++;
        if (part.type === 'tool-result') walk(part.parts);
      }
    };
    for (const { parts } of this.#conversation.turns) walk(parts);
    return count;
  }
}

class Requested {
  readonly #head: Exchange['head'];

  constructor({ head }: Exchange) {
    this.#head = head;
  }

  get method(): string {
    return this.#head.method;
  }

  get host(): string {
    return this.#head.host;
  }

  get path(): string {
    return this.#head.path;
  }

  get client(): string {
    return this.#head.clientAddress;
  }

  get headers(): Readonly<Record<string, string>> {
    const { headers } = this.#head;
    const named: Record<string, string> = Object.create(null) as Record<string, string>;
    for (let i = headers.length - 2; i >= 0; i -= 2) named[headers[i]!] = headers[i + 1]!;
    return named;
  }
}
