import type { CallBrief, JsonObject } from '#core/call.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import type { BatchCall, NamedThing } from '#core/contracts/keeping.ts';
import { estimateTokens } from '#core/contracts/token-counter.ts';
import { Fault } from '#core/fault.ts';
import { refuseDuplicates, scanFields, type FieldSpan } from '#core/json.ts';
import { invalidField } from '#core/read-json.ts';
import type { ResolvedModel } from '#core/snapshot.ts';
import type { Gateway } from '../gateway.ts';
import { isOffered } from '../list-models.ts';
import { parseObject } from '../read-call.ts';
import type { Asked } from '../operation-index.ts';
import type { Passage } from '../passage.ts';
import type { KeptCall } from './kept-request.ts';
import { namedIn } from './ownership.ts';

/** Output of a call that names no bound: few answers are longer. */
const unsaidOutputTokens = 4096;

/** A call of a batch, read. */
export interface ReadCall {
  readonly asked: Asked;
  readonly bytes: Buffer;
  readonly json: JsonObject;
  readonly fields: readonly FieldSpan[];
  /** As the caller says it. */
  readonly model: string;
}

/** The dialect of the family that reads calls of a path. */
export const dialectOfPath = ({ operations }: Gateway, { family }: Dialect, path: string): Asked | null =>
  operations
    .find('POST', path, '')
    .find(
      ({ dialect, line }) =>
        dialect.family === family && (line.operation.kind === 'chat' || line.operation.kind === 'work'),
    ) ?? null;

/** What the calls of a batch ask for, found out one after the other: for which models, naming what. */
export class BatchCalls {
  readonly #passage: Passage;
  readonly #asked: Asked;
  readonly #path: string | null;
  readonly #models = new Map<string, number>();
  readonly #modelOf: Record<string, number> = Object.create(null) as Record<string, number>;
  readonly #names = new Map<string | null, NamedThing>();
  count = 0;
  #bytes = 0;
  #outputTokens = 0;

  /** @throws Fault `request/invalid-field` for calls of a kind that is not known here. */
  constructor(passage: Passage, { dialect, line }: Pick<KeptCall, 'dialect' | 'line'>, path: string | null) {
    const asked = path === null ? { dialect, line } : dialectOfPath(passage.gateway, dialect, path);
    if (!asked) throw invalidField('endpoint', 'the path of calls that this gateway knows', path);
    this.#passage = passage;
    this.#asked = asked;
    this.#path = path;
  }

  /**
   * Reads one call that stands in a text with one character for each byte.
   * @throws Fault for a call that is none, or names what is not the caller's to name.
   */
  take(text: string, { name, path, start, end }: BatchCall): ReadCall {
    const body = text.slice(start, end);
    const { dialect, line } = this.#asked;
    this.count++;
    if (path !== null && path !== this.#path)
      throw invalidField(`${this.#which(name)}.url`, `"${this.#path}", as the batch says`, path);
    const bytes = Buffer.from(body, 'latin1');
    const json = parseObject(bytes);
    const fields = scanFields(body);
    refuseDuplicates(fields, dialect.client.interpretedKeys);
    const { model, maxOutputTokens, choices } = dialect.client.brief(json, line);
    this.#bytes += bytes.length;
    this.#outputTokens += (maxOutputTokens ?? unsaidOutputTokens) * Math.max(1, choices);
    const at = this.#models.get(model) ?? this.#models.size;
    this.#models.set(model, at);
    if (at > 0) this.#modelOf[name] = at;
    for (const named of namedIn(this.#passage, dialect, { json, text: body }))
      if (!this.#names.has(named.id))
        this.#names.set(named.id, { ...named, path: `${this.#which(name)}.${named.path}` });
    return { asked: this.#asked, bytes, json, fields, model };
  }

  #which(name: string): string {
    return name === '' ? `call ${this.count}` : `call "${name.slice(0, 100)}"`;
  }

  /** In the order in which they came. */
  get models(): readonly string[] {
    return [...this.#models.keys()];
  }

  /** By the callers' names for their calls; the first model's are left out. Null where there is but one. */
  get modelOf(): Readonly<Record<string, number>> | null {
    return this.#models.size > 1 ? this.#modelOf : null;
  }

  /** Tokens that they are, by their bytes. */
  get estimatedInput(): number {
    return estimateTokens(this.#bytes);
  }

  /** All of them as one call, which has so many answers; `model` is any of theirs. Of calls that nobody can read: one. */
  briefOf(model: string): CallBrief {
    const { count } = this;
    const maxOutputTokens = count > 0 ? Math.ceil(this.#outputTokens / count) : null;
    return { model, stream: false, maxOutputTokens, choices: Math.max(1, count), wantsUsage: true };
  }

  get names(): readonly NamedThing[] {
    return [...this.#names.values()];
  }
}

/** @throws Fault `model/not-found`, `access/model`. */
export function usableModel(passage: Passage, name: string): ResolvedModel {
  const model = passage.gateway.models.find(name);
  if (!model) {
    const message = `There is no model "${name}". GET the list of models for their names.`;
    throw new Fault('model/not-found', message, { field: 'model' });
  }
  if (isOffered(passage, name)) return model;
  const message = `A call of the batch is for the model "${name}", which this key may not use here.`;
  throw new Fault('access/model', message, { field: 'model' });
}
