import type { JsonObject } from '#core/call.ts';
import type { KeptThing } from '#core/contracts/keeper.ts';
import type { KeptUse } from '#core/contracts/keeping.ts';
import { isObject } from '#core/read-json.ts';
import { wholeAnswer, type Answer } from '../answer.ts';
import type { Passage } from '../passage.ts';
import { calledAt } from './deliver.ts';
import type { KeptCall } from './kept-request.ts';
import { ownerOf } from './owner.ts';
import { unreadable } from './ownership.ts';

/** Things read from the record at once. */
const chunk = 200;

/** What is the caller's own, from the record: the provider is not asked. @throws Fault */
export function listKept(passage: Passage, { use, line }: KeptCall): () => Promise<Answer> {
  const { readPage, render } = use.list!;
  const { fits, limit, order, after, backwards } = readPage(line.query);
  return async () => {
    const documents: JsonObject[] = [];
    let last = after;
    // One more than asked for, to know whether there are more.
    while (documents.length <= limit) {
      const page = { owner: ownerOf(passage), kind: use.thing, after: last, order, limit: chunk };
      const things: readonly KeptThing[] = await passage.gateway.keeper.list(page).catch((error: unknown) => {
        throw unreadable(error);
      });
      for (const { document } of things) {
        const read: unknown = document === null ? null : JSON.parse(document);
        if (isObject(read) && fits(read)) documents.push(shown(passage, use, read));
      }
      if (things.length < chunk) break;
      last = things.at(-1)!.id;
    }
    const page = documents.slice(0, limit);
    return wholeAnswer(passage, {
      status: 200,
      headers: ['content-type', 'application/json'],
      body: render(backwards ? page.reverse() : page, documents.length > limit),
    });
  };
}

function shown(passage: Passage, use: KeptUse, document: JsonObject): JsonObject {
  if (!use.shown) return document;
  const edits = [...use.shown(document, calledAt(passage))];
  return {
    ...document,
    ...Object.fromEntries(edits.map(([name, json]) => [name, JSON.parse(json) as unknown])),
  };
}
