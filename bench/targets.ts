import { compare, summarise, type Results, type Spread } from './summary.ts';

export interface Target {
  readonly title: string;
  readonly first: number;
  readonly aim: number;
  readonly better: 'more' | 'less';
  readonly value: Spread | undefined;
}

/** What this project holds itself to, and where a variant stands. */
export function resolveTargets(results: Results, variant: string): Target[] {
  const samples = (figure: string, of = variant) =>
    [...results].find(([{ name }]) => name === figure)?.[1].get(of);
  const own = (figure: string, key: string) =>
    summarise((samples(figure) ?? []).map((sample) => sample[key]));
  const ratio = (figure: string, key: string) =>
    compare({ key, against: 'ratio' }, samples(figure), samples(figure, 'nginx'));
  const over = (figure: string, { key, of }: { key: string; of: string }) =>
    compare({ key, against: 'difference' }, samples(figure), samples(figure, of));

  const more = (
    title: string,
    value: Spread | undefined,
    [first, aim]: readonly [number, number],
  ): Target => ({
    title,
    value,
    first,
    aim,
    better: 'more',
  });
  const less = (title: string, value: Spread | undefined, limits: readonly [number, number]): Target => ({
    ...more(title, value, limits),
    better: 'less',
  });

  return [
    more('requests/s ÷ nginx, 1 KB chat', ratio('json', 'answersPerSecond'), [0.25, 0.5]),
    more('burst streams/s ÷ nginx', ratio('burst', 'answersPerSecond'), [0.8, 1.2]),
    less('paced streams: p99 delay ÷ nginx', ratio('paced', 'p99Ms'), [3, 1.2]),
    less('paced streams: share of a core', own('paced', 'coreShare'), [0.9, 0.6]),
    less(
      'time to first chunk: p50 over direct, ms',
      over('ttfc', { key: 'p50Ms', of: 'direct' }),
      [0.4, 0.2],
    ),
    less('time to first chunk: p99 over nginx, ms', over('ttfc', { key: 'p99Ms', of: 'nginx' }), [1, 0.3]),
    less('plain REST p99 beside open streams ÷ alone', own('rest', 'besideToAlone'), [2, 1.3]),
    less('time to first chunk p99 beside REST ÷ alone', own('mixed', 'besideToAlone'), [2, 1.3]),
    more('requests per CPU-second, two threads ÷ one', own('threads', 'twoToOne'), [0.85, 0.95]),
    less('memory idle, MB', own('memory', 'idleMb'), [120, 80]),
    less('memory per open stream, KB', own('memory', 'perStreamKb'), [40, 15]),
    more('streams/s from another dialect ÷ within one', own('translate', 'otherToSame'), [0.5, 0.8]),
    less('100 KB prompt over 1 KB, translated, ms', own('translate', 'overP50Ms'), [2, 1]),
    less('100 KB prompt over 1 KB, ms', own('prompt', 'overP50Ms'), [2, 0.5]),
    less('1,000 tools, per 100 KB, ms', own('tools', 'per100KbMs'), [2, 0.5]),
    less('1,000 tools translated, per 100 KB, ms', own('tools', 'otherPer100KbMs'), [2, 1]),
    less('time per request, 100,000 keys ÷ 10', own('keys', 'manyToFew'), [1.2, 1.1]),
    less('time per request, 100,000 routes ÷ 10', own('routes', 'manyToFew'), [1.2, 1.1]),
  ];
}
