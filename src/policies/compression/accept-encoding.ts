import type { HeaderList } from '#core/head.ts';

export type Encoding = 'zstd' | 'br' | 'gzip';

const weight = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/**
 * The coding that a client likes best among those offered, by Accept-Encoding (RFC 9110 §12.5.3); of equal ones the first
 * offered. Null: send it as it is, which is also what a client without the header gets. A member that is not understood
 * counts for nothing.
 */
export function chooseEncoding(headers: HeaderList, offered: readonly Encoding[]): Encoding | null {
  let weights: Map<string, number> | null = null;
  for (let i = 0; i < headers.length; i += 2)
    if (headers[i] === 'accept-encoding')
      readMembers(headers[i + 1]!, (weights ??= new Map<string, number>()));
  if (!weights) return null;
  const rest = weights.get('*') ?? 0;
  let best: Encoding | null = null;
  // Only a client that says how much it likes plain bytes is taken to prefer them.
  let bestWeight = weights.get('identity') ?? 0;
  for (const encoding of offered) {
    const liked = weights.get(encoding) ?? rest;
    if (liked > bestWeight || (liked > 0 && liked === bestWeight && best === null)) {
      best = encoding;
      bestWeight = liked;
    }
  }
  return best;
}

function readMembers(value: string, weights: Map<string, number>): void {
  for (const member of value.split(',')) {
    const [name, ...parameters] = member.split(';');
    const coding = name!.trim().toLowerCase();
    const q = weightOf(parameters);
    // The same name twice: what it says first.
    const known = coding === 'x-gzip' ? 'gzip' : coding;
    if (known !== '' && q !== null && !weights.has(known)) weights.set(known, q);
  }
}

function weightOf(parameters: readonly string[]): number | null {
  if (parameters.length === 0) return 1;
  const [name, value] = parameters[0]!.split('=', 2);
  if (parameters.length > 1 || name!.trim().toLowerCase() !== 'q' || value === undefined) return null;
  return weight.test(value.trim()) ? Number(value) : null;
}
