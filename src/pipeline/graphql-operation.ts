import { Fault } from '#core/fault.ts';

/** Which operation of a document is asked for. `type` is null where the document is not in the request. */
export interface GraphqlOperation {
  readonly type: OperationType | null;
  readonly name: string | null;
}

type OperationType = 'query' | 'mutation' | 'subscription';
interface Found {
  type: OperationType;
  name: string | null;
}

const word = /[A-Za-z_][A-Za-z0-9_]*/y;
const lineEnd = /[\n\r]/g;
const stringEnd = /["\n\r\\]/g;

/**
 * The operations of a document, found by its tokens (specification of October 2021, section 2.1) in one pass and without
 * understanding what stands inside of them. @throws Fault for what no server could read.
 */
export function operationsIn(text: string): Found[] {
  const found: Found[] = [];
  let depth = 0;
  /** Between a definition's first token and the end of its selection set. */
  let isOpen = false;
  let wantsName = false;
  for (let at = 0; at < text.length;) {
    const sign = text[at]!;
    if (' \t\n\r,\uFEFF'.includes(sign)) at++;
    else if (sign === '#') at = indexOf(lineEnd, text, at);
    else if (sign === '"') {
      if (depth === 0) throw unreadable('a string stands outside of definitions');
      at = endOfString(text, at);
    } else if ('{(['.includes(sign)) {
      if (depth === 0 && !isOpen) {
        if (sign !== '{') throw unreadable(`a definition begins with "${sign}"`);
        found.push({ type: 'query', name: null });
        isOpen = true;
      }
      wantsName = false;
      depth++;
      at++;
    } else if ('})]'.includes(sign)) {
      if (--depth < 0) throw unreadable('a bracket closes that was not opened');
      if (depth === 0 && sign === '}') isOpen = false;
      at++;
    } else {
      word.lastIndex = at;
      const name = word.exec(text)?.[0];
      at += name?.length ?? 1;
      if (depth > 0) continue;
      // The name follows the first word; anything else there (variables, a directive) means that there is none.
      if (isOpen) {
        if (wantsName && name !== undefined) found.at(-1)!.name = name;
        wantsName = false;
        continue;
      }
      isOpen = true;
      if (name === 'query' || name === 'mutation' || name === 'subscription') {
        found.push({ type: name, name: null });
        wantsName = true;
      } else if (name !== 'fragment')
        throw unreadable(`a definition begins with "${name?.slice(0, 40) ?? sign}"`);
    }
  }
  if (depth !== 0 || isOpen) throw unreadable('it ends within a definition');
  return found;
}

function indexOf(sign: RegExp, text: string, from: number): number {
  sign.lastIndex = from;
  return sign.exec(text)?.index ?? text.length;
}

/** After the string that begins at `from`, a block string or one on a line. */
function endOfString(text: string, from: number): number {
  if (text.startsWith('"""', from)) {
    for (let at = from + 3; ;) {
      const end = text.indexOf('"""', at);
      if (end < 0) throw unreadable('a string does not end');
      if (text[end - 1] !== '\\') return end + 3;
      at = end + 3;
    }
  }
  for (let at = from + 1; ; at++) {
    at = indexOf(stringEnd, text, at);
    if (text[at] === '"') return at + 1;
    if (text[at] !== '\\') throw unreadable('a string does not end');
    at++;
  }
}

/**
 * The operation that a server will run (specification, section 6.1, GetOperation).
 * @throws Fault where that cannot be said.
 */
export function chosenOperation(document: string | null, name: string | null): GraphqlOperation {
  // A persisted document is known to the server alone, which will hold the name against it.
  if (document === null) return { type: null, name };
  const operations = operationsIn(document);
  const fitting = name === null ? operations : operations.filter((operation) => operation.name === name);
  if (fitting.length === 1) return fitting[0]!;
  const what = name === null ? 'exactly one operation, or operationName' : `exactly one operation "${name}"`;
  throw unreadable(`expected ${what}; it has ${operations.length}`);
}

const unreadable = (why: string): Fault =>
  new Fault('request/invalid-field', `The GraphQL document cannot be read: ${why}.`, { field: 'query' });
