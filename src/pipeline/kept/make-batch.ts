import type { JsonObject } from '#core/call.ts';
import type { OwedBatch } from '#core/contracts/keeper.ts';
import type { BatchMaking, BatchOrder, NamedThing } from '#core/contracts/keeping.ts';
import { Fault } from '#core/fault.ts';
import { headerOf } from '#core/head.ts';
import { refuseHiddenKeys } from '#core/hidden-keys.ts';
import { refuseDuplicates, scanFields, spliceFields } from '#core/json.ts';
import type { ResolvedModel } from '#core/snapshot.ts';
import type { Provider, Target } from '#core/target.ts';
import { bodyLimit } from '../body-limit.ts';
import type { Answer } from '../answer.ts';
import { parseObject } from '../read-call.ts';
import type { Passage } from '../passage.ts';
import { readPlainBody } from '../plain-body.ts';
import { BatchCalls, usableModel, type ReadCall } from './batch-calls.ts';
import { deliver, documentIn } from './deliver.ts';
import { fetchLines } from './fetch-kept.ts';
import { attemptKept } from './kept-attempt.ts';
import { keptRequest, speakerNamed, type KeptCall } from './kept-request.ts';
import { chosenProvider, noteMade, providerHeader } from './make-kept.ts';
import { owe } from './note.ts';
import { foundThings, holderOfNames, passesNames } from './ownership.ts';

/** A batch as it goes to a provider. */
interface Bundle {
  readonly provider: Provider;
  readonly body: Buffer;
  /** Of the first model. */
  readonly first: Usable;
  readonly owed: OwedBatch;
}

/** A model by a name by which the caller may use it, at a provider. */
interface Usable {
  readonly model: ResolvedModel;
  readonly target: Target;
}

type UsableModels = ReadonlyMap<string, Usable>;

/** Bytes of calls that are read at a stretch. */
const stretchBytes = 512 * 1024;

/**
 * Many calls are to be made, for whoever may come back in a day: each of them may ask for no more than a single one could, and
 * what they use is owed from the moment they are known.
 * @throws Fault
 */
export async function makeBatch(
  passage: Passage,
  call: KeptCall,
  making: BatchMaking,
): Promise<() => Promise<Answer>> {
  const { exchange } = passage;
  const bytes = await readPlainBody(exchange, bodyLimit(passage));
  const json = parseObject(bytes);
  const text = bytes.toString('latin1');
  refuseDuplicates(scanFields(text), making.interpretedKeys);
  const order = making.read(json);
  const calls = new BatchCalls(passage, call, order.path);
  const parts = { call, making, calls, bytes };
  if (order.file !== null) refuseHiddenKeys(text);
  const bundle =
    order.file === null
      ? await bundleOfBody(passage, { ...parts, text })
      : await bundleOfFile(passage, { ...parts, order, held: await holderOfFile(passage, order.file) });
  announce(passage, calls, bundle.first);
  return () => send(passage, call, bundle);
}

/** Policies and limits see all of its calls as one, with as many answers. */
function announce(passage: Passage, calls: BatchCalls, { model }: Usable): void {
  const { exchange } = passage;
  passage.later = true;
  exchange.brief = calls.briefOf(model.name);
  exchange.estimatedInput = calls.estimatedInput;
  exchange.countedModel = model.countedAs;
  exchange.modelNames = model.knownAs;
}

/** Where every name passes, one that is on record says where it is. */
async function holderOfFile(passage: Passage, file: NamedThing): Promise<string | null> {
  if (!passesNames(passage)) return holderOfNames(passage, [file]);
  const [found] = await foundThings(passage, [file.id ?? '']);
  return found?.provider ?? null;
}

interface Parts {
  readonly call: KeptCall;
  readonly making: BatchMaking;
  readonly calls: BatchCalls;
  readonly bytes: Buffer;
}

/** The calls stand in the body: models are named there as they are here, and written as the provider names them. */
async function bundleOfBody(
  passage: Passage,
  { call, making, calls, bytes, text }: Parts & { readonly text: string },
): Promise<Bundle> {
  const spans = making.callsIn?.(text) ?? [];
  if (spans.length === 0) throw new Fault('request/invalid-field', 'The batch has no calls.');
  let envelope = '';
  let at = 0;
  let read = 0;
  const found: ReadCall[] = [];
  for (const span of spans) {
    envelope += `${text.slice(at, span.start)}{}`;
    at = span.end;
    found.push(calls.take(text, span));
    read += span.end - span.start;
    if (read > stretchBytes) {
      read = 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  refuseHiddenKeys(envelope + text.slice(at));
  const holder = await holderOfNames(passage, calls.names);
  const { provider, targets } = providerFor(passage, call, { models: calls.models, holder });
  const pieces: Buffer[] = [];
  at = 0;
  for (const [i, { start, end }] of spans.entries()) {
    const { asked, json, bytes: own, fields, model } = found[i]!;
    const edits = asked.dialect.provider.relayEdits(json, targets.get(model)!.target, asked.line, []);
    if (edits.size === 0) continue;
    pieces.push(bytes.subarray(at, start), spliceFields(own, fields, edits));
    at = end;
  }
  return {
    provider,
    body: Buffer.concat([...pieces, bytes.subarray(at)]),
    first: targets.get(calls.models[0]!)!,
    owed: owedOf(calls, { path: null, targets }),
  };
}

/** The calls stand in a file that a provider holds: it takes them as they are. */
async function bundleOfFile(
  passage: Passage,
  {
    call,
    making,
    calls,
    bytes,
    order,
    held,
  }: Parts & { readonly order: BatchOrder; readonly held: string | null },
): Promise<Bundle> {
  const { dialect, line } = call;
  const { file } = order;
  const path = order.path;
  const fixed = making.sealed ? dialect.client.brief({}, line).model : null;
  if (fixed !== null) {
    if (!passesNames(passage)) throw sealedFile();
    const { provider, targets } = providerFor(passage, call, { models: [fixed], holder: held });
    const first = targets.get(fixed)!;
    const models = [{ asked: fixed, model: first.target.model }];
    return { provider, body: bytes, first, owed: { path, models, modelOf: null } };
  }
  const provider = held === null ? chosenProvider(passage, call) : speakerNamed(passage, call, held);
  const question = { dialect, provider, path: making.file!.path(file!.id!), exchange: passage.exchange.id };
  await fetchLines(passage.gateway, question, (bytesOfLine) => {
    parseObject(bytesOfLine);
    const text = bytesOfLine.toString('latin1');
    calls.take(text, making.file!.callIn(text));
  });
  if (calls.count === 0) throw new Fault('request/invalid-field', 'The file has no calls.');
  const holder = (await holderOfNames(passage, calls.names)) ?? provider.name;
  if (holder !== provider.name)
    throw new Fault(
      'request/invalid-field',
      'The calls name something that another provider holds than their file.',
    );
  const targets = new Map(calls.models.map((model) => [model, targetNamed(passage, provider, model)]));
  const first = targets.get(calls.models[0]!)!;
  return { provider, body: bytes, first, owed: owedOf(calls, { path, targets }) };
}

const sealedFile = (): Fault =>
  new Fault(
    'access/resource',
    'What the calls of an uploaded file name cannot be looked up here. Send the calls themselves, or have the operator ' +
      'allow such ids on this route (vendorIds: pass).',
    { field: 'fileName' },
  );

const owedOf = (
  calls: BatchCalls,
  { path, targets }: { readonly path: string | null; readonly targets: UsableModels },
): OwedBatch => ({
  path,
  models: calls.models.map((asked) => ({ asked, model: targets.get(asked)!.target.model })),
  modelOf: calls.modelOf,
});

/**
 * A model that a file names in its provider's words. Whoever may use it here by any name may use it so.
 * @throws Fault
 */
function targetNamed(passage: Passage, { name: provider }: Provider, model: string): Usable {
  const { models } = passage.gateway.snapshot;
  const fits = (target: Target) => target.provider.name === provider && target.model === model;
  const aliases = Object.values(models)
    .filter(({ targets }) => targets.some(fits))
    .map(({ name }) => name);
  const names = [...new Set([model, `${provider}/${model}`, ...aliases])];
  const known = names.flatMap((name) =>
    passage.gateway.models.find(name)?.targets.some(fits) ? [name] : [],
  );
  const refused: unknown[] = [];
  for (const name of known)
    try {
      return usableOf(usableModel(passage, name), fits)!;
    } catch (fault) {
      refused.push(fault);
    }
  if (refused.length > 0) throw refused[0];
  const message = `There is no model "${model}" of the provider "${provider}", which holds the file. In a file models are named as their provider does.`;
  throw new Fault('model/not-found', message, { field: 'model' });
}

function usableOf(model: ResolvedModel, fits: (target: Target) => boolean): Usable | null {
  const target = model.targets.find(fits);
  return target ? { model, target } : null;
}

/** The provider that is to have the batch: it serves all of its models, and holds what they name. @throws Fault */
function providerFor(
  passage: Passage,
  { dialect }: KeptCall,
  { models, holder }: { readonly models: readonly string[]; readonly holder: string | null },
): { readonly provider: Provider; readonly targets: UsableModels } {
  const { exchange, gateway } = passage;
  const speaks = ({ provider }: Target) => gateway.speaking(provider, dialect)?.dialect === dialect.name;
  const served = models.map((name) => ({ name, model: usableModel(passage, name) }));
  const wanted = headerOf(exchange.head.headers, providerHeader);
  for (const { provider } of served[0]?.model.targets.filter(speaks) ?? []) {
    if ((wanted ?? provider.name) !== provider.name || (holder ?? provider.name) !== provider.name) continue;
    const targets = new Map<string, Usable>();
    for (const { name, model } of served) {
      const usable = usableOf(model, (one) => one.provider.name === provider.name);
      if (usable) targets.set(name, usable);
    }
    if (targets.size === served.length) return { provider: gateway.speaking(provider, dialect)!, targets };
  }
  const where = wanted ?? holder;
  const message = `No one provider${where === null ? '' : ` of the name "${where}"`} takes batches in ${dialect.name} for ${models.join(', ')}.`;
  throw new Fault('request/invalid-field', message, { field: 'model' });
}

async function send(
  passage: Passage,
  call: KeptCall,
  { provider, body, first, owed }: Bundle,
): Promise<Answer> {
  const { dialect, line, use } = call;
  const target = { ...first.target, provider };
  const { model } = target;
  const placed = { ...call, line: { ...line, parameters: { ...line.parameters, model } } };
  const content = { content: body, contentType: 'application/json' };
  const request = keptRequest(passage, placed, { provider, body: content });
  const made = await attemptKept({
    ...{ passage, dialect, provider, target, request },
    reads: 'all',
    stays: true,
  });
  if (made.type === 'under-way') return made.answer;
  const answer: JsonObject = documentIn(made.body);
  const thing = noteMade(passage, call, { provider, answer });
  if (thing === null)
    throw new Fault('upstream/malformed-answer', 'The upstream did not say what the batch is called.');
  const [{ asked: requestedModel }] = owed.models as [OwedBatch['models'][number]];
  const provided = { provider: provider.name, dialect: dialect.name, model };
  owe(passage, { thing, ...provided, requestedModel, batch: owed });
  return deliver(passage, made, use);
}
