import type { Resumable } from '#core/contracts/keeping.ts';
import { Fault } from '#core/fault.ts';
import { headerOf } from '#core/head.ts';
import { queryValues } from '#core/query.ts';
import type { Answer } from '../answer.ts';
import { parseObject } from '../read-call.ts';
import type { Passage } from '../passage.ts';
import { readPlainBody } from '../plain-body.ts';
import { calledAt, deliver, documentIn } from './deliver.ts';
import { attemptKept } from './kept-attempt.ts';
import { keptRequest, speakerNamed, type KeptCall } from './kept-request.ts';
import { chosenProvider, flowingBody, noteMade } from './make-kept.ts';
import { noteThings } from './note.ts';
import { foundThings } from './ownership.ts';

/** Nobody's description of a file is longer. */
const maxDescriptionBytes = 64 * 1024;
/** Providers forget an upload that is not ended within days. */
const forMs = 7 * 24 * 3_600_000;

/**
 * A file comes in several calls: the first describes it, and is told where the others go; those bring its bytes, and the
 * last one is told what was made.
 * @throws Fault
 */
export async function uploadKept(
  passage: Passage,
  call: KeptCall,
  resumable: Resumable,
): Promise<() => Promise<Answer>> {
  const [session] = queryValues(call.line.query, resumable.parameter);
  return session === undefined
    ? begin(passage, call, resumable)
    : goOn(passage, call, { session, resumable });
}

async function begin(
  passage: Passage,
  call: KeptCall,
  { thing, parameter, addressHeader }: Resumable,
): Promise<() => Promise<Answer>> {
  const bytes = await readPlainBody(passage.exchange, maxDescriptionBytes);
  if (bytes.length > 0) parseObject(bytes);
  const provider = chosenProvider(passage, call);
  const { dialect } = call;
  return async () => {
    const body = { content: bytes, contentType: 'application/json' };
    const request = keptRequest(passage, call, { provider, body });
    const begun = await attemptKept({ passage, dialect, provider, request, reads: 'all' });
    if (begun.type === 'under-way') return begun.answer;
    const address = URL.parse(headerOf(begun.headers, addressHeader) ?? '');
    const session = address && queryValues(address.search.slice(1), parameter)[0];
    if (!address || !session)
      throw new Fault('upstream/malformed-answer', 'The upstream did not say where the file is to be sent.');
    noteThings(passage, [{ id: session, kind: thing }], { provider: provider.name, forMs });
    const here = calledAt(passage) + address.search;
    const headers = begun.headers.map((text, i) =>
      begun.headers[i - 1] === addressHeader && i % 2 ? here : text,
    );
    return deliver(passage, { ...begun, headers });
  };
}

async function goOn(
  passage: Passage,
  call: KeptCall,
  { session, resumable }: { readonly session: string; readonly resumable: Resumable },
): Promise<() => Promise<Answer>> {
  const found = await foundThings(passage, [session]);
  const upload = found.find(({ kind }) => kind === resumable.thing);
  if (!upload) {
    const message =
      'No such upload is known to be yours: none was begun through this gateway by your project.';
    throw new Fault('access/resource', message, { field: resumable.parameter });
  }
  const provider = speakerNamed(passage, call, upload.provider);
  const contentType = headerOf(passage.exchange.head.headers, 'content-type') ?? 'application/octet-stream';
  const body = { content: flowingBody(passage), contentType };
  const { dialect } = call;
  return async () => {
    const request = keptRequest(passage, call, { provider, body });
    const answered = await attemptKept({ passage, dialect, provider, request, reads: 'all' });
    // Only the last call's answer names something.
    if (answered.type === 'whole' && answered.body.length > 0)
      noteMade(passage, call, { provider, answer: documentIn(answered.body) });
    return deliver(passage, answered);
  };
}
