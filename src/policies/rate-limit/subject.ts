import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';

export type Dimension = 'key' | 'project' | 'team' | 'model';

/** Who a call is counted for: `id` names the row, `text` is for people. */
export interface Subject {
  readonly id: string;
  readonly text: string;
}

/**
 * @throws Fault `policy/failed` when nobody has authenticated: without a name there is no limit to keep, and to let
 * the call pass would be to have none.
 */
export function subjectOf(exchange: Exchange, by: readonly Dimension[]): Subject {
  const parts: string[] = [];
  const words: string[] = [];
  for (const dimension of by) {
    const value = valueOf(exchange, dimension);
    // Escaped, so that no name can spell another combination.
    parts.push(`${dimension}:${encodeURIComponent(value.toWellFormed())}`);
    words.push(`${dimension} "${value}"`);
  }
  return { id: parts.join('+'), text: words.join(' with ') };
}

function valueOf(exchange: Exchange, dimension: Dimension): string {
  if (dimension === 'model') return exchange.countedModel;
  const { consumer } = exchange;
  if (consumer === null) {
    throw new Fault(
      'policy/failed',
      `rate-limit counts by ${dimension}, but nobody has authenticated on route "${exchange.routeName}". Put a policy that authenticates, such as key-auth, before it.`,
    );
  }
  return dimension === 'key' ? consumer.id : consumer[dimension];
}

/** A test for names: `*` stands for any text, everything else for itself. Never backtracks more than linearly. */
export function namePattern(patterns: readonly string[]): (name: string) => boolean {
  const tests = patterns.map((pattern) => pattern.split('*'));
  return (name) => tests.some((pieces) => fits(name, pieces));
}

function fits(name: string, pieces: readonly string[]): boolean {
  const first = pieces[0]!;
  if (pieces.length === 1) return name === first;
  const last = pieces.at(-1)!;
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last))
    return false;
  let at = first.length;
  const end = name.length - last.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = name.indexOf(piece, at);
    if (found === -1 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}
