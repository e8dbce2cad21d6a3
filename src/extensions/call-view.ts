import type { Conversation, Part } from '#core/call.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import type { HeaderEdit } from '#core/header-edits.ts';
import { editsInto, headerList } from './header-edits.ts';
import type { PolicyConversation, PolicyPart } from './policy-conversation.ts';
import type { PolicyAnswerEvent } from './policy-events.ts';
import type {
  HeaderEdits,
  PolicyAnswer,
  PolicyBrief,
  PolicyCall,
  PolicyConsumer,
  PolicyDefinition,
  PolicyRequest,
} from './policy-definition.ts';

/** How far a call is, as its policies see it. */
export type Phase =
  | 'onHead'
  | 'onCall'
  | 'limits'
  | 'onAnswer'
  | 'onEvent'
  | 'onSettled'
  /** No hook is running: whatever a policy still does by itself comes to nothing. */
  | 'between';

const mostNotes = 16;
const longestNote = 256;
const code = /^[A-Za-z0-9][A-Za-z0-9/_.-]{0,63}$/;
const cutEvent: PolicyAnswerEvent = Object.freeze({ type: 'cut' });

/** What a policy sees of one exchange, and may do to it: all by `#exchange`, which it cannot reach. */
export class CallView implements PolicyCall {
  readonly #exchange: Exchange;
  readonly #definition: PolicyDefinition;
  readonly #settings: unknown;
  readonly #answerEdits: HeaderEdit[] = [];
  #state: { readonly value: unknown } | null = null;
  #answer: PolicyAnswer | null = null;
  #conversation: PolicyConversation | null = null;
  #notes = 0;
  #phase: Phase = 'between';
  readonly request: PolicyRequest;
  readonly upstreamHeaders: HeaderEdits;
  readonly answerHeaders: HeaderEdits;

  constructor(exchange: Exchange, definition: PolicyDefinition, settings: unknown) {
    this.#exchange = exchange;
    this.#definition = definition;
    this.#settings = settings;
    this.request = requestOf(exchange);
    this.upstreamHeaders = editsInto(exchange.upstreamHeaders, () => {
      this.#mayWrite('request');
      this.#during('onHead', 'onCall');
    });
    this.answerHeaders = editsInto(this.#answerEdits, () => {
      this.#mayWrite('answer');
      this.#during('onHead', 'onCall', 'onAnswer');
    });
    Object.freeze(this);
  }

  /** Is not of the facade: a policy gets it as a `PolicyCall`. */
  static enter(view: CallView, phase: Phase): void {
    view.#phase = phase;
  }

  static begin(view: CallView, status: number, headers: HeaderList): void {
    view.#answer = Object.freeze({ status, ...readHeaders(headers) });
  }

  static editsOf(view: CallView): readonly HeaderEdit[] {
    return view.#answerEdits;
  }

  get id(): string {
    return this.#exchange.id;
  }

  get route(): string {
    return this.#exchange.routeName;
  }

  get consumer(): PolicyConsumer | null {
    const { consumer } = this.#exchange;
    return consumer && consumerOf(consumer);
  }

  get claims(): Readonly<Record<string, string>> {
    return Object.freeze({ ...this.#exchange.claims });
  }

  get brief(): PolicyBrief | null {
    const { brief, dialectName } = this.#exchange;
    if (brief === null) return null;
    const { model, stream, maxOutputTokens, choices } = brief;
    return { model, stream, maxOutputTokens, choices, dialect: dialectName };
  }

  get conversation(): PolicyConversation | null {
    this.#mayRead('conversation');
    if (this.#conversation) return this.#conversation;
    const asked = this.#exchange.conversation?.();
    return asked && !asked.work ? (this.#conversation = conversationOf(asked)) : null;
  }

  get body(): Uint8Array | null {
    this.#mayRead('body');
    const { body } = this.#exchange;
    return body && new Uint8Array(body);
  }

  get answer(): PolicyAnswer {
    if (this.#answer) return this.#answer;
    throw new TypeError('call.answer: there is none before onAnswer');
  }

  get state(): unknown {
    this.#state ??= { value: this.#definition.state?.(this.#settings) };
    return this.#state.value;
  }

  refuse(
    status: number,
    own: string,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ): never {
    this.#during('onHead', 'onCall');
    if (!Number.isInteger(status) || status < 400 || status > 599)
      throw new TypeError(`refuse: expected a status from 400 to 599, got ${status}`);
    if (!code.test(own))
      throw new TypeError(`refuse: ${JSON.stringify(own)} is no code such as "acme/no-tenant"`);
    throw new Fault('policy/refused', String(message), {
      status,
      upstreamCode: own,
      headers: headerList(headers),
    });
  }

  respond(
    status: number,
    headers: Readonly<Record<string, string>>,
    body: string | Uint8Array | null = null,
  ): void {
    this.#during('onHead', 'onCall');
    if (!Number.isInteger(status) || status < 200 || status > 599)
      throw new TypeError(`respond: expected a status from 200 to 599, got ${status}`);
    this.#exchange.shortAnswer = {
      status,
      headers: headerList(headers),
      body: typeof body === 'string' || body === null ? body : Buffer.from(body),
    };
  }

  annotate(key: string, value: string | number | boolean): void {
    this.#during('onHead', 'onCall', 'limits', 'onAnswer', 'onEvent');
    if (!/^[A-Za-z0-9_.-]{1,64}$/.test(key))
      throw new TypeError(`annotate: ${JSON.stringify(key)} is no name`);
    const { name } = this.#definition;
    const notes = (this.#exchange.notes ??= {});
    if (!Object.hasOwn(notes, `${name}.${key}`) && ++this.#notes > mostNotes)
      throw new RangeError(`annotate: more than ${mostNotes} notes`);
    notes[`${name}.${key}`] = typeof value === 'string' ? value.slice(0, longestNote).toWellFormed() : value;
  }

  cut(): PolicyAnswerEvent {
    return cutEvent;
  }

  #mayRead(what: 'conversation' | 'body'): void {
    if (!this.#definition.reads?.includes(what))
      throw new TypeError(`call.${what}: needs reads: ['${what}']`);
  }

  #mayWrite(what: 'request' | 'answer'): void {
    if (!this.#definition.writes?.includes(what))
      throw new TypeError(`headers of the ${what}: need writes: ['${what}']`);
  }

  #during(...phases: readonly Phase[]): void {
    if (phases.includes(this.#phase)) return;
    const now = this.#phase === 'between' ? 'after its hook has ended' : `in ${this.#phase}`;
    throw new TypeError(`not ${now}; in ${phases.join(', ')}`);
  }
}

function readHeaders(list: HeaderList): Pick<PolicyRequest, 'header' | 'headers'> {
  return {
    header: (name) => headerOf(list, name.toLowerCase()),
    headers: () => list.flatMap((name, i) => (i % 2 === 0 ? [[name, list[i + 1]!] as const] : [])),
  };
}

function requestOf({ head }: Exchange): PolicyRequest {
  const { method, scheme, host, path, query, clientAddress } = head;
  return Object.freeze({ method, scheme, host, path, query, clientAddress, ...readHeaders(head.headers) });
}

function consumerOf(consumer: NonNullable<Exchange['consumer']>): PolicyConsumer {
  const { id, name, project, team, groups } = consumer;
  return Object.freeze({ id, name, project, team, groups: [...groups] });
}

function conversationOf(asked: Conversation): PolicyConversation {
  const { turns, tools, maxOutputTokens, temperature, stop, endUser } = asked;
  return {
    turns: turns.map(({ role, parts }) => ({ role, parts: parts.map(partOf) })),
    tools: tools.map(({ name, description }) => ({ name, description })),
    maxOutputTokens,
    temperature,
    stop: [...stop],
    endUser,
  };
}

function partOf(part: Part): PolicyPart {
  switch (part.type) {
    case 'text':
    case 'reasoning':
    case 'refusal':
      return { type: part.type, text: part.text };
    case 'tool-call':
      return { type: 'tool-call', id: part.id, name: part.name, arguments: part.arguments };
    case 'tool-result': {
      const { callId, isError } = part;
      return { type: 'tool-result', callId, isError, parts: part.parts.map(partOf) };
    }
    default:
      return { type: part.type };
  }
}
