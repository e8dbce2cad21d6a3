import { compileJsonPath, type JsonPath, type JsonPlace } from '#core/json-path.ts';
import { parseJson } from '#core/parse-json.ts';
import { isObject } from '#core/read-json.ts';
import type { Template, Templates } from '#templates/templates.ts';
import type { TransformSettings } from './schema.ts';

type BodySettings = NonNullable<NonNullable<TransformSettings['request']>['body']>;

export interface Encoded {
  /** What it says. */
  readonly document: unknown;
  readonly body: Buffer;
  readonly contentType: string;
}

/** Changes what a body says. @throws RangeError for a path that leads to too much, Error for a template that fails. */
export type BodyRules = (document: unknown, contentType: string, values: object) => Encoded;

type Value = (values: object) => unknown;

const json = 'application/json';
const form = 'application/x-www-form-urlencoded';

/** What a body is read as; null: as nothing that is known here. */
export function formOf(contentType: string | undefined): 'json' | 'form' | null {
  const type = (contentType ?? '').split(';')[0]!.trim().toLowerCase();
  if (type === form) return 'form';
  return type === json || type.endsWith('+json') ? 'json' : null;
}

/** @throws Error for paths and templates that cannot be read. */
export function compileBodyRules(settings: BodySettings, templates: Templates, strict: boolean): BodyRules {
  const { remove = [], rename = {}, to } = settings;
  const valueOf = (value: unknown): Value => {
    if (typeof value !== 'string') return () => value;
    const template = templates.compile(value, { place: 'text', strict });
    return (values) => template.render(values);
  };
  const pairs = (record: Readonly<Record<string, unknown>> = {}) =>
    Object.entries(record).map(([path, value]) => [goalOf(path), valueOf(value)] as const);
  const removed = remove.map(compileJsonPath);
  const renamed = Object.entries(rename).map(([path, name]) => [compileJsonPath(path), name] as const);
  const [usual, set] = [pairs(settings.default), pairs(settings.set)];
  const whole: Template | null =
    settings.template === undefined ? null : templates.compile(settings.template, { place: 'json', strict });
  return (came, contentType, values) => {
    const cameAs = formOf(contentType);
    const document = { root: came };
    const known = Object.defineProperties(
      {},
      { ...Object.getOwnPropertyDescriptors(values), body: getterOf(document) },
    );
    for (const path of removed) for (const place of found(path, document.root).toReversed()) take(place);
    for (const [path, name] of renamed)
      for (const place of found(path, document.root)) if (take(place)) put(place.parent!, name, place.value);
    for (const [goal, value] of usual) complete(document, goal, value(known));
    for (const [path, value] of set) write(document, path, value(known));
    if (whole) document.root = JSON.parse(whole.render(known)) as unknown;
    const { root } = document;
    if ((to ?? cameAs) === 'form')
      return { document: root, body: Buffer.from(writeForm(root)), contentType: form };
    const type = cameAs === 'json' ? contentType : json;
    return { document: root, body: Buffer.from(JSON.stringify(root)), contentType: type };
  };
}

/** What a body says; it changes with the rules. @throws SyntaxError for what is not JSON. */
export function readBody(body: Buffer, contentType: string): unknown {
  const text = body.toString('utf8');
  return formOf(contentType) === 'form' ? readForm(text) : parseJson(text);
}

/** Templates see what earlier steps have made. */
const getterOf = (document: { root: unknown }): PropertyDescriptor => ({
  enumerable: true,
  get: () => document.root,
});

function found(path: JsonPath, document: unknown): readonly JsonPlace[] {
  const places = path.find(document);
  if (places) return places;
  throw new RangeError(`${path.source} leads to more places of this body than are changed at once`);
}

/** False of the document itself, which is never taken away. */
function take({ parent, key }: JsonPlace): boolean {
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else if (parent) delete parent[key];
  return parent !== null && !Array.isArray(parent);
}

/** `__proto__` is a name like others here. */
function put(parent: object, key: string | number, value: unknown): void {
  if (Array.isArray(parent)) parent[Number(key)] = value;
  else Object.defineProperty(parent, key, { value, enumerable: true, configurable: true, writable: true });
}

/** A place to write to: a path, and where its last step is a name, what that is a member of. */
interface Goal {
  readonly path: JsonPath;
  readonly within: JsonPath | null;
  readonly name: string;
}

const lastName = /^(.+)\.([A-Za-z_][A-Za-z0-9_]*)$/;

function goalOf(source: string): Goal {
  const path = compileJsonPath(source);
  const [, within, name] = lastName.exec(source) ?? [];
  // What `$..name` is a member of may be anything.
  const isMember = within !== undefined && !within.endsWith('.');
  return { path, within: isMember ? compileJsonPath(within) : null, name: name ?? '' };
}

/** Writes where a path leads, and adds the member it ends in to objects that lack it; objects on a way of names alone are made. */
function write(document: { root: unknown }, { path, within, name }: Goal, value: unknown): void {
  for (const { parent, key } of found(path, document.root))
    if (parent === null) document.root = structuredClone(value);
    else put(parent, key, structuredClone(value));
  complete(document, { path, within, name }, value);
}

function complete(document: { root: unknown }, { path, within, name }: Goal, value: unknown): void {
  if (path.steps) {
    if (found(path, document.root).length === 0) make(document.root, path.steps, structuredClone(value));
    return;
  }
  for (const { value: parent } of within ? found(within, document.root) : [])
    if (isObject(parent) && !Object.hasOwn(parent, name)) put(parent, name, structuredClone(value));
}

function make(root: unknown, steps: readonly (string | number)[], value: unknown): void {
  let at = root;
  for (const [i, step] of steps.entries()) {
    if (!isObject(at) || typeof step !== 'string') return;
    if (i === steps.length - 1) return put(at, step, value);
    if (!Object.hasOwn(at, step)) put(at, step, {});
    at = at[step];
  }
}

function readForm(text: string): object {
  const fields = new Map<string, unknown>();
  for (const [name, value] of new URLSearchParams(text)) {
    const before = fields.get(name);
    fields.set(
      name,
      before === undefined
        ? value
        : Array.isArray(before)
          ? [...(before as unknown[]), value]
          : [before, value],
    );
  }
  return Object.fromEntries(fields);
}

/** Lists become several fields of a name; what is deeper is JSON in a field. @throws RangeError for what has no fields. */
function writeForm(document: unknown): string {
  if (!isObject(document)) throw new RangeError('only an object can be a form');
  const fields = new URLSearchParams();
  for (const [name, value] of Object.entries(document))
    for (const one of Array.isArray(value) ? (value as unknown[]) : [value])
      if (one !== null) fields.append(name, typeof one === 'string' ? one : JSON.stringify(one));
  return fields.toString();
}
