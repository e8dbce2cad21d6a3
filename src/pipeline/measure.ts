import type { AttemptRecord } from '#core/exchange.ts';
import { inputLine, outputLine, totalsOf, type Usage, type UsageSource } from '#core/usage.ts';
import type { Passage } from './passage.ts';

/**
 * What an attempt used. The provider's word when it gave its last one; else what was seen is counted, and said to be
 * counted. Null where nothing can have been used, by calls that are free, and on routes without models.
 */
export function measure(passage: Passage, attempt: AttemptRecord): Usage | null | Promise<Usage> {
  const { usage } = attempt;
  // Of an http route that is what its answer said, where that is billed.
  if (!attempt.target) return usage;
  if (attempt.deferred || passage.exchange.brief?.free) return null;
  if (usage && (attempt.work === 'finished' || attempt.work === 'none')) return usage;
  if (attempt.work === 'none') return null;
  if (attempt.work === 'unknown') {
    // The request went out and no answer came: nobody here can know whether the provider will bill it. Whoever hung up
    // pays for the input; nobody pays for an upstream that failed.
    const lines =
      passage.exchange.outcome === 'client_gone' ? [inputLine(passage.exchange.estimatedInput)] : [];
    return { lines, source: 'estimate', raw: null, flags: ['uncertain'] };
  }
  return count(passage, attempt);
}

/** The same with as much output as was seen, where that is more than was reported. */
export function withOutput(usage: Usage, seen: number): Usage {
  if (totalsOf(usage.lines).output >= seen) return usage;
  const input = usage.lines.filter((line) => line.direction !== 'output');
  return { ...usage, lines: [...input, outputLine(seen)] };
}

/** What all attempts at one answer used, one after the other. */
export async function usageOfAll(passage: Passage): Promise<Usage> {
  const used = await Promise.all(passage.exchange.attempts.map((attempt) => measure(passage, attempt)));
  const lines = used.flatMap((usage) => usage?.lines ?? []);
  return { lines, source: 'gateway_count', raw: null, flags: [] };
}

async function count({ gateway }: Passage, attempt: AttemptRecord): Promise<Usage> {
  const { tokens } = gateway;
  const { seen, usage } = attempt;
  if (usage) {
    // The provider began to count and was cut short: its input stands, the output is what was seen.
    const counted = await tokens.count([seen?.text() ?? '']);
    const output = seen ? seen.scale(counted.tokens[0]!) : 0;
    const partial = { ...usage, source: 'provider_partial', flags: [...usage.flags, 'cut-short'] } as const;
    return withOutput(partial, output);
  }
  const counted = await tokens.count([attempt.inputText?.() ?? '', seen?.text() ?? '']);
  const source: UsageSource = counted.counted ? 'gateway_count' : 'estimate';
  const lines = [inputLine(counted.tokens[0]!), outputLine(seen ? seen.scale(counted.tokens[1]!) : 0)];
  const units = attempt.askedUnits?.();
  return { lines, source, raw: null, flags: ['no-usage'], ...(units ? { units } : {}) };
}
