import type { JsonObject } from '#core/call.ts';
import { faultFrom } from '#core/fault.ts';
import { isObject } from '#core/read-json.ts';
import { exposedName, exposedUri, maybeShortened, splitName, splitUri } from './exposed-name.ts';
import { listenToAll } from './federated-listening.ts';
import type { Ask, Hearing, Servers, ToolSource } from './tool-source.ts';
import { codes, failure, metaOf, modernVersion, type Outcome } from './wire.ts';

/** What lists list, and what is renamed in their entries. */
const lists: Readonly<
  Record<string, { readonly member: string; readonly rename: 'name' | 'uri' | 'uriTemplate' }>
> = {
  'tools/list': { member: 'tools', rename: 'name' },
  'prompts/list': { member: 'prompts', rename: 'name' },
  'resources/list': { member: 'resources', rename: 'uri' },
  'resources/templates/list': { member: 'resourceTemplates', rename: 'uriTemplate' },
};
const mostPages = 50;

/** Of a server that has not answered. */
interface Missing {
  readonly server: string;
  readonly error: string;
}

/**
 * Several servers as one: their names and URIs say whose they are. A server that does not answer takes none of the others down, and is
 * said to be missing; its tools are never taken for gone.
 */
export class Federation implements ToolSource {
  readonly #servers: Servers;

  constructor(servers: Servers) {
    this.#servers = servers;
  }

  ask(ask: Ask, hearing: Hearing): Promise<Outcome> {
    const { method } = ask;
    if (Object.hasOwn(lists, method)) return this.#list(ask, hearing);
    if (method === 'server/discover') return this.#discover(ask, hearing);
    if (method === 'subscriptions/listen') return listenToAll(this.#servers, ask, hearing);
    if (method === 'completion/complete') return this.#complete(ask, hearing);
    return this.#one(ask, hearing);
  }

  async #list(ask: Ask, hearing: Hearing): Promise<Outcome> {
    const { member, rename } = lists[ask.method]!;
    const { cursor, ...params } = ask.params;
    const cursors = cursor === undefined ? null : readCursor(cursor);
    if (cursor !== undefined && !cursors)
      return failure(codes.invalidParams, 'The cursor is not one that was given.');
    const asked = [...this.#servers].filter(([name]) => cursors === null || cursors[name] !== undefined);
    const { answers, missing, refusal } = await this.#each(asked, hearing, (name) => ({
      ...ask,
      params: { ...params, ...(cursors ? { cursor: cursors[name] } : {}) },
    }));
    if (refusal) return refusal;
    const next: Record<string, string> = {};
    const entries = answers.flatMap(({ server, result }) => {
      if (typeof result['nextCursor'] === 'string') next[server] = result['nextCursor'];
      const found = Array.isArray(result[member]) ? (result[member] as unknown[]) : [];
      return found.filter(isObject).map((entry) => exposed(server, entry, rename));
    });
    return {
      result: {
        resultType: 'complete',
        ttlMs: Math.min(...answers.map(({ result }) => Number(result['ttlMs']) || 0)),
        cacheScope: answers.every(({ result }) => result['cacheScope'] === 'public') ? 'public' : 'private',
        [member]: entries,
        ...(Object.keys(next).length > 0 && {
          nextCursor: Buffer.from(JSON.stringify(next)).toString('base64url'),
        }),
        _meta: { ...ownMeta, ...(missing.length > 0 && { 'sluice/unavailable': missing }) },
      },
    };
  }

  async #discover(ask: Ask, hearing: Hearing): Promise<Outcome> {
    const { answers, missing, refusal } = await this.#each([...this.#servers], hearing, () => ask);
    if (refusal) return refusal;
    const capabilities: Record<string, Record<string, unknown>> = {};
    for (const { result } of answers) {
      const has = isObject(result['capabilities']) ? result['capabilities'] : {};
      for (const [name, of] of Object.entries(has)) {
        // What stands for one server alone cannot be said of all of them.
        if (!isObject(of) || name === 'experimental' || name === 'extensions') continue;
        const known = (capabilities[name] ??= {});
        for (const [what, is] of Object.entries(of)) if (is === true) known[what] = true;
      }
    }
    const instructions = answers
      .filter(({ result }) => typeof result['instructions'] === 'string')
      .map(({ server, result }) => `${server}: ${String(result['instructions'])}`);
    return {
      result: {
        ...{ resultType: 'complete', ttlMs: 0, cacheScope: 'private', supportedVersions: [modernVersion] },
        capabilities,
        ...(instructions.length > 0 && { instructions: instructions.join('\n\n') }),
        _meta: { ...ownMeta, ...(missing.length > 0 && { 'sluice/unavailable': missing }) },
      },
    };
  }

  /** Asks several at once. A server that has not such a method has nothing to list; one that fails is missing. */
  async #each(
    servers: readonly (readonly [string, ToolSource])[],
    hearing: Hearing,
    askOf: (server: string) => Ask,
  ): Promise<{
    readonly answers: readonly { readonly server: string; readonly result: JsonObject }[];
    readonly missing: readonly Missing[];
    readonly refusal: Outcome | null;
  }> {
    const answers: { server: string; result: JsonObject }[] = [];
    const missing: Missing[] = [];
    let without = 0;
    const asked = servers.map(async ([server, source]) => {
      try {
        return { server, outcome: await source.ask(askOf(server), hearing) };
      } catch (thrown) {
        return { server, error: faultFrom(thrown).message };
      }
    });
    for (const { server, outcome, error } of (await Promise.all(asked)) as {
      server: string;
      outcome?: Outcome;
      error?: string;
    }[]) {
      if (outcome && 'result' in outcome) answers.push({ server, result: outcome.result });
      else if (outcome && outcome.error.code === codes.methodNotFound) without++;
      else
        missing.push({ server, error: error ?? (outcome as { error: { message: string } }).error.message });
    }
    const told = missing.map(({ server, error }) => `${server}: ${error}`).join('; ');
    const refusal =
      answers.length > 0 || (without > 0 && missing.length === 0)
        ? null
        : failure(codes.internal, `No server has answered. ${told}`);
    return { answers, missing, refusal };
  }

  /** What is asked of one server, by the name of a thing of its own. */
  async #one(ask: Ask, hearing: Hearing): Promise<Outcome> {
    const { method, params } = ask;
    const field = method === 'resources/read' ? 'uri' : 'name';
    const split = typeof params[field] === 'string' ? splitOf(field, params[field]) : null;
    const source = split && this.#servers.get(split.server);
    if (!source) return unknown(field, params[field]);
    const { server } = split;
    const own = field === 'uri' ? split.rest : await this.ownName(ask, split, hearing);
    if (own === null) return unknown(field, params[field]);
    const outcome = await source.ask({ ...ask, params: { ...params, [field]: own } }, hearing);
    return 'error' in outcome ? outcome : { result: withExposedUris(server, outcome.result) };
  }

  /** The name of a tool or a prompt as its server knows it; null: it has none that is exposed so. */
  async ownName(
    ask: Ask,
    { server, rest }: { readonly server: string; readonly rest: string },
    hearing: Hearing,
  ): Promise<string | null> {
    const source = this.#servers.get(server);
    if (!source || !maybeShortened(rest)) return rest;
    const method = ask.method === 'tools/call' ? 'tools/list' : 'prompts/list';
    const { member } = lists[method]!;
    let cursor: unknown;
    for (let page = 0; page < mostPages; page++) {
      const params = { _meta: ask.params['_meta'], ...(cursor === undefined ? {} : { cursor }) };
      const outcome = await source.ask({ ...ask, method, params }, hearing);
      if ('error' in outcome) return null;
      const entries = outcome.result[member];
      for (const entry of Array.isArray(entries) ? (entries as unknown[]) : []) {
        const name = isObject(entry) ? entry['name'] : undefined;
        if (typeof name === 'string' && exposedName(server, name) === `${server}__${rest}`) return name;
      }
      cursor = outcome.result['nextCursor'];
      if (typeof cursor !== 'string') return null;
    }
    return null;
  }

  async #complete(ask: Ask, hearing: Hearing): Promise<Outcome> {
    const { ref } = ask.params;
    if (!isObject(ref)) return failure(codes.invalidParams, 'Expected "ref", an object.');
    const field = ref['type'] === 'ref/resource' ? 'uri' : 'name';
    const split = typeof ref[field] === 'string' ? splitOf(field, ref[field]) : null;
    const source = split && this.#servers.get(split.server);
    if (!source) return unknown(field, ref[field]);
    const own =
      field === 'uri' ? split.rest : await this.ownName({ ...ask, method: 'prompts/get' }, split, hearing);
    if (own === null) return unknown(field, ref[field]);
    return source.ask({ ...ask, params: { ...ask.params, ref: { ...ref, [field]: own } } }, hearing);
  }
}

const ownMeta = { [metaOf.server]: { name: 'sluice', version: '1' } };

const splitOf = (field: 'name' | 'uri', value: string) =>
  field === 'uri' ? splitUri(value) : splitName(value);

const unknown = (field: string, value: unknown): Outcome =>
  failure(codes.invalidParams, `There is no such ${field} here: ${JSON.stringify(value)?.slice(0, 200)}`, {
    [field]: value,
  });

function exposed(server: string, entry: JsonObject, rename: 'name' | 'uri' | 'uriTemplate'): JsonObject {
  const own = entry[rename];
  if (typeof own !== 'string') return entry;
  return { ...entry, [rename]: rename === 'name' ? exposedName(server, own) : exposedUri(server, own) };
}

/** Resources that a result names are read through the same door. */
function withExposedUris(server: string, result: JsonObject): JsonObject {
  const rename = (holder: unknown): unknown =>
    isObject(holder) && typeof holder['uri'] === 'string'
      ? { ...holder, uri: exposedUri(server, holder['uri']) }
      : holder;
  const inContent = (content: unknown): unknown => {
    if (!isObject(content)) return content;
    if (content['type'] === 'resource_link') return rename(content);
    return content['type'] === 'resource' ? { ...content, resource: rename(content['resource']) } : content;
  };
  const { contents, content, messages } = result;
  return {
    ...result,
    ...(Array.isArray(contents) && { contents: contents.map(rename) }),
    ...(Array.isArray(content) && { content: content.map(inContent) }),
    ...(Array.isArray(messages) && {
      messages: messages.map((each: unknown) =>
        isObject(each) ? { ...each, content: inContent(each['content']) } : each,
      ),
    }),
  };
}

/** Where each server that has more goes on. */
function readCursor(cursor: unknown): Record<string, string> | null {
  if (typeof cursor !== 'string') return null;
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (!isObject(value) || !Object.values(value).every((each) => typeof each === 'string')) return null;
    return value as Record<string, string>;
  } catch {
    return null;
  }
}
