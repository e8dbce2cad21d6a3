import type { Conversation, Part, Turn } from '#core/call.ts';

type Role = Turn['role'];

/** What one speaker says at a stretch. */
export interface Message {
  readonly role: Role;
  /** In each way in which a model may read what its parts say one after the other. */
  readonly texts: readonly string[];
}

/** Neighbouring turns of one role are one message: some vendors make one of them. */
export function messagesOf({ turns }: Pick<Conversation, 'turns'>): Message[] {
  const stretches: { role: Role; pieces: string[] }[] = [];
  for (const { role, parts } of turns) {
    const pieces = parts.flatMap(textsOf);
    const last = stretches.at(-1);
    if (last?.role === role) last.pieces.push(...pieces);
    else stretches.push({ role, pieces });
  }
  return stretches.map(({ role, pieces }) => ({ role, texts: readings(pieces) }));
}

function readings(pieces: readonly string[]): string[] {
  const joined = pieces.length > 1 ? [pieces.join(''), pieces.join('\n')] : pieces;
  return [...new Set(joined.flatMap((text) => [text, plain(text)]))];
}

/** Without what is not seen (UTS 39 §5.3: characters without a shape of their own), and other shapes of a letter as that letter. */
const plain = (text: string): string =>
  text
    .normalize('NFKC')
    .replace(/[\p{Cf}\p{Mn}\u115f\u1160\u3164]/gu, '')
    .replace(/\s+/g, ' ');

function textsOf(part: Part): string[] {
  switch (part.type) {
    case 'text':
    case 'reasoning':
    case 'refusal':
      return [part.text];
    case 'tool-call':
      return [part.arguments];
    case 'tool-result':
      return part.parts.flatMap(textsOf);
    default:
      return [];
  }
}
