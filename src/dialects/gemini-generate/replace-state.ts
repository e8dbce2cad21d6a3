import type { JsonObject } from '#core/call.ts';
import { fromBytes } from '#core/opaque-state.ts';
import { isObject } from '#core/read-json.ts';
import { readRepeated } from './fields.ts';
import { noProof } from './proof.ts';

const names = ['thoughtSignature', 'thought_signature'];

/** A part goes on without its signature, but for one that is nothing else. */
export function replaceState(
  body: JsonObject,
  open: (state: string) => string | null,
): ReadonlyMap<string, string> {
  const replace = (part: unknown): unknown[] => {
    if (!isObject(part)) return [part];
    const name = names.find((of) => typeof part[of] === 'string');
    if (name === undefined) return [part];
    const opened = open(fromBytes(String(part[name])));
    if (opened !== null) return [{ ...part, [name]: opened }];
    // A call without a proof is refused by later models, and one that says there is none is not.
    if ('functionCall' in part || 'function_call' in part) return [{ ...part, [name]: noProof }];
    const { [name]: _, ...rest } = part;
    return rest['text'] === '' ? [] : [rest];
  };
  const replaced = readRepeated(body['contents']).flatMap((content): unknown[] => {
    if (!isObject(content) || content['parts'] === undefined) return [content];
    const parts = readRepeated(content['parts']).flatMap(replace);
    return parts.length > 0 ? [{ ...content, parts }] : [];
  });
  return new Map([['contents', JSON.stringify(replaced)]]);
}
