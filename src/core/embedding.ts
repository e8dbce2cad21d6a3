/** What dialects of embeddings share when they render a call in another's words. */
import type { Loss } from './call.ts';
import { Fault } from './fault.ts';
import type { EmbeddingWork } from './work.ts';

/**
 * The inputs where a provider takes texts alone, or texts and tokens. Left out they would be missing among the vectors.
 * @throws Fault `dialect/not-carried`.
 */
export function textInputs(work: EmbeddingWork): string[] {
  return inputsWith(work, false) as string[];
}

export const textOrTokenInputs = (work: EmbeddingWork): (string | readonly number[])[] =>
  inputsWith(work, true);

function inputsWith({ inputs, words, encodings }: EmbeddingWork, tokens: boolean) {
  const own = encodings.find((encoding) => encoding !== 'float' && encoding !== 'base64');
  if (own !== undefined)
    throw notCarried(words.encoding, `vectors of the kind "${own}" are its own dialect's`);
  return inputs.map((input) => {
    if (input.type === 'text') return input.text;
    if (input.type === 'tokens' && tokens) return input.tokens;
    if (input.type === 'tokens') throw notCarried(words.tokens, 'the target takes texts, not tokens');
    throw notCarried(words.image, 'the target takes texts, not images');
  });
}

const notCarried = (field: string, reason: string): Fault =>
  new Fault('dialect/not-carried', `${field}: ${reason}.`, { field });

/** What the target has no word for, among what the caller said. */
export function lossesOfEmbedding(
  work: EmbeddingWork,
  lacks: readonly ('dimensions' | 'purpose' | 'truncate')[],
): Loss[] {
  const said = lacks.filter((name) => work[name] !== null);
  return said.map((name) => ({ field: work.words[name], reason: 'the target has no word for it' }));
}
