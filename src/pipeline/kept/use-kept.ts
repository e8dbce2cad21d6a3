import type { DueObligations, KeptThing } from '#core/contracts/keeper.ts';
import type { KeptUse } from '#core/contracts/keeping.ts';
import { Fault } from '#core/fault.ts';
import { isObject } from '#core/read-json.ts';
import { bodyLimit } from '../body-limit.ts';
import type { Answer } from '../answer.ts';
import type { Asked } from '../operation-index.ts';
import type { Passage } from '../passage.ts';
import { collect } from './collect-owed.ts';
import { deliver, documentIn } from './deliver.ts';
import { attemptKept } from './kept-attempt.ts';
import { keptRequest, speakerNamed, type KeptBody, type KeptCall } from './kept-request.ts';
import { listKept } from './list-kept.ts';
import { makeBatch } from './make-batch.ts';
import { makeKept } from './make-kept.ts';
import { noteThings } from './note.ts';
import { foundThings, unreadable } from './ownership.ts';
import { uploadKept } from './upload-kept.ts';

/**
 * A call that reads, changes or removes something a provider keeps: the caller's own goes to its holder, anything else is not
 * there.
 * @throws Fault `access/resource`.
 */
export async function useKept(passage: Passage, { dialect, line }: Asked): Promise<() => Promise<Answer>> {
  const use = line.operation.kept!;
  const call = { dialect, line, use };
  if (use.batch) return makeBatch(passage, call, use.batch);
  if (use.resumable) return uploadKept(passage, call, use.resumable);
  if (use.verb === 'make') return makeKept(passage, call);
  if (use.verb === 'list') return listKept(passage, call);
  const body = line.operation.method === 'POST' ? await actBody(passage) : null;
  const thing = await ownThing(passage, call);
  return () => relay(passage, call, { thing, body });
}

/** What is done to a thing is said by the path alone. */
async function actBody(passage: Passage): Promise<KeptBody | null> {
  const bytes = await passage.exchange.inbound.readBody(bodyLimit(passage));
  passage.exchange.requestBytes = bytes.length;
  const said = bytes.toString('latin1').trim();
  if (said !== '' && said !== '{}' && said !== 'null')
    throw new Fault('request/invalid-field', 'This operation takes no body: leave it out, or send {}.');
  return said === '' ? null : { content: Buffer.from('{}'), contentType: 'application/json' };
}

async function ownThing(passage: Passage, { line, use }: KeptCall): Promise<KeptThing> {
  const id = nameOf(use, line.parameters['id'] ?? '');
  const found = await foundThings(passage, [id]);
  const thing = found.find(({ kind }) => kind === use.thing);
  if (thing) return thing;
  const message = `No ${use.thing} "${id.slice(0, 200)}" is known to be yours: none was made through this gateway by your project.`;
  throw new Fault('access/resource', message, { field: 'id' });
}

const nameOf = ({ named }: KeptUse, id: string): string => named?.replace('{id}', () => id) ?? id;

async function relay(
  passage: Passage,
  call: KeptCall,
  { thing, body }: { readonly thing: KeptThing; readonly body: KeptBody | null },
): Promise<Answer> {
  const { dialect, use } = call;
  const provider = speakerNamed(passage, call, thing.provider);
  if (use.verb === 'delete') await settleFirst(passage, thing);
  const request = keptRequest(passage, call, { provider, body });
  const reads = use.raw ? 'nothing' : 'json';
  const answered = await attemptKept({ passage, dialect, provider, request, reads });
  if (use.verb === 'delete') await forget(passage, thing);
  if (answered.type === 'whole') {
    if (use.lists !== undefined) noteListed(passage, answered, { thing, kind: use.lists });
    else if (thing.document !== null) takeDocument(passage, call, { thing, body: answered.body });
  }
  return deliver(passage, answered, use);
}

/** What is said of a thing is what lists say of it from now on, and what has come of it is the owner's. */
function takeDocument(
  passage: Passage,
  { dialect }: KeptCall,
  { thing, body }: { readonly thing: KeptThing; readonly body: Buffer },
): void {
  const { exchange, gateway } = passage;
  const document = documentIn(body);
  if ((document['id'] ?? document['name']) !== thing.id) return;
  gateway.keeper
    .describe(thing, JSON.stringify(document))
    .catch((error: unknown) => gateway.observer.failed(exchange, error));
  const names = dialect.client.keeping?.batches?.madeBy(document) ?? [];
  noteThings(passage, names, { provider: thing.provider, forMs: null, madeBy: thing.id });
}

/** What was used could not be found out any more. @throws Fault while it is not done. */
async function settleFirst({ gateway }: Passage, { id, kind, madeBy }: KeptThing): Promise<void> {
  let due: DueObligations['due'];
  try {
    ({ due } = await gateway.keeper.due(gateway.clock.nowMs(), 0, madeBy ?? id));
  } catch (cause) {
    throw unreadable(cause);
  }
  for (const one of due) {
    if ((await collect(gateway, one)) === 'settled') continue;
    const message = `The ${kind} "${id}" is still being made. Cancel it, or wait until it is done, before you delete it.`;
    throw new Fault('request/invalid-field', message, { status: 409, field: 'id' });
  }
}

/** That it is gone was said already: a record too many is only found to be so by the next who asks. */
async function forget({ exchange, gateway }: Passage, thing: KeptThing): Promise<void> {
  try {
    await gateway.keeper.forget(thing);
  } catch (error) {
    gateway.observer.failed(exchange, error);
  }
}

/** What belongs to the caller's thing is the caller's, too. */
function noteListed(
  passage: Passage,
  { body }: { readonly body: Buffer },
  { thing, kind }: { readonly thing: KeptThing; readonly kind: string },
): void {
  const data = documentIn(body)['data'];
  const ids = (Array.isArray(data) ? (data as unknown[]) : []).flatMap((item) =>
    isObject(item) && typeof item['id'] === 'string' ? [item['id']] : [],
  );
  const nowMs = passage.gateway.clock.nowMs();
  noteThings(
    passage,
    ids.map((id) => ({ id, kind })),
    {
      provider: thing.provider,
      forMs: thing.expiresAtMs === null ? null : Math.max(0, thing.expiresAtMs - nowMs),
    },
  );
}
