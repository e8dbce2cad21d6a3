import type { Provider } from './target.ts';

const hidden = '(hidden)';
/** Names of headers whose values are secrets. */
const secretHeader = /auth|key|token|secret|cookie|passw|credential|signature/i;
/** Shorter values are words that occur anyhow. */
const leastCharacters = 8;

/**
 * An upstream's error without what the gateway proved itself with: some providers say in it which key they do not take, and callers
 * are told what they say.
 */
export function hideCredential(
  { secret, moreSecrets = [], headers }: Pick<Provider, 'secret' | 'moreSecrets' | 'headers'>,
  body: Buffer,
): Buffer {
  const values = [
    secret ?? '',
    ...moreSecrets,
    ...headers.filter((_, i) => i % 2 === 1 && secretHeader.test(headers[i - 1]!)),
  ];
  const shown = values.filter(
    (value) => value.length >= leastCharacters && body.includes(value, 0, 'latin1'),
  );
  if (shown.length === 0) return body;
  let text = body.toString('latin1');
  for (const value of shown) text = text.replaceAll(value, hidden);
  return Buffer.from(text, 'latin1');
}
