import type { JsonObject, Part } from '#core/call.ts';
import { fromBytes } from '#core/opaque-state.ts';

/** Accepted in the place of a proof that is not known. https://ai.google.dev/gemini-api/docs/thought-signatures#faqs */
export const noProof = 'skip_thought_signature_validator';

/** A proof is nothing where it stands for none. */
export const proofOf = (signature: string | null): string | null =>
  signature === null ||
  signature === '' ||
  signature === noProof ||
  signature === 'context_engineering_is_the_way_to_go'
    ? null
    : fromBytes(signature);

/** The proof of thoughts that lead to a call stands with the call: without it later models refuse to go on. */
export function withProofs(parts: readonly JsonObject[]): JsonObject[] {
  const proven: JsonObject[] = [];
  for (const part of parts) {
    const before = proven.at(-1);
    const proof = before?.['thoughtSignature'];
    const moves =
      'functionCall' in part && !('thoughtSignature' in part) && before !== undefined && 'text' in before;
    if (!moves || proof === undefined) {
      proven.push(part);
      continue;
    }
    proven.pop();
    const { thoughtSignature: _, ...rest } = before;
    if (rest['text'] !== '') proven.push(rest);
    proven.push({ ...part, thoughtSignature: proof });
  }
  return proven;
}

/**
 * The first call of a turn says that it has no proof where it has none: later models refuse a call that says nothing, and
 * others pay no heed to it.
 */
export function withNoProof(parts: readonly JsonObject[]): JsonObject[] {
  const first = parts.findIndex((part) => 'functionCall' in part);
  return parts.map((part, i) =>
    i === first && !('thoughtSignature' in part) ? { ...part, thoughtSignature: noProof } : part,
  );
}

/** In neutral words it stands with the thoughts. */
export function joinProofs(parts: readonly Part[]): Part[] {
  const joined: Part[] = [];
  for (const part of parts) {
    const before = joined.at(-1);
    const isBare = part.type === 'reasoning' && part.text === '' && part.signature !== null;
    if (isBare && before?.type === 'reasoning' && before.signature === null)
      joined.splice(-1, 1, { ...before, signature: part.signature });
    else joined.push(part);
  }
  return joined;
}
