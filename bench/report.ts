import type { Figure, Metric } from './figures/figure.ts';
import { chooseReference, compare, summarise, type Results, type Spread } from './summary.ts';
import { resolveTargets, type Target } from './targets.ts';

/** The readable tables: for each figure a row a variant, each value as median [least–most] of the rounds. */
export function renderReport(results: Results, variants: readonly string[]): string {
  const reference = chooseReference(variants);
  const parts = [...results].map(([figure, samples]) => {
    const metrics = figure.metrics.filter(({ key }) =>
      [...samples.values()].some((of) => of.some((sample) => sample[key] !== undefined)),
    );
    const head = ['', ...metrics.flatMap((metric) => renderHead(metric, reference))];
    const rows = [...samples].map(([variant, own]) => [
      variant,
      ...metrics.flatMap((metric) => {
        const value = renderSpread(summarise(own.map((sample) => sample[metric.key])), metric.digits);
        if (!metric.against || !reference) return [value];
        const against = compare(metric, own, samples.get(reference));
        return [value, variant === reference ? '' : renderAgainst(against, metric)];
      }),
    ]);
    return `${figure.name}: ${figure.title}\n${renderTable([head, ...rows])}`;
  });
  for (const variant of variants.filter((name) => name === 'sluice')) {
    const rows = resolveTargets(results, variant)
      .filter(({ value }) => value !== undefined)
      .map((target) => [
        target.title,
        renderSpread(target.value, 3),
        renderLimit(target, target.first),
        renderLimit(target, target.aim),
      ]);
    if (rows.length > 0)
      parts.push(`${variant} and its targets\n${renderTable([['', 'is', 'first', 'aim'], ...rows])}`);
  }
  return parts.join('\n');
}

/** The same for machines: samples of every round with their summaries. */
export function renderResults(results: Results, variants: readonly string[]): object {
  const reference = chooseReference(variants);
  return Object.fromEntries(
    [...results].map(([figure, samples]) => [
      figure.name,
      {
        title: figure.title,
        reference,
        variants: Object.fromEntries(
          [...samples].map(([variant, rounds]) => [
            variant,
            { rounds, summary: summariseFigure(figure, samples, { variant, reference }) },
          ]),
        ),
      },
    ]),
  );
}

function summariseFigure(
  figure: Figure,
  samples: Results extends ReadonlyMap<Figure, infer S> ? S : never,
  { variant, reference }: { variant: string; reference: string | undefined },
): object {
  const own = samples.get(variant) ?? [];
  return Object.fromEntries(
    figure.metrics.map((metric) => {
      const against = metric.against && reference ? compare(metric, own, samples.get(reference)) : undefined;
      return [
        metric.key,
        { ...summarise(own.map((sample) => sample[metric.key])), [metric.against ?? 'ratio']: against },
      ];
    }),
  );
}

function renderHead(metric: Metric, reference: string | undefined): string[] {
  if (!metric.against || !reference) return [metric.title];
  return [metric.title, metric.against === 'ratio' ? `÷ ${reference}` : `− ${reference}`];
}

function renderSpread(spread: Spread | undefined, digits: number): string {
  if (!spread) return '–';
  const { median, least, most } = spread;
  const text = renderNumber(median, digits);
  return least === most ? text : `${text} [${renderNumber(least, digits)}–${renderNumber(most, digits)}]`;
}

function renderAgainst(spread: Spread | undefined, metric: Metric): string {
  if (!spread) return '–';
  if (metric.against === 'ratio') return renderNumber(spread.median, 2);
  return `${spread.median < 0 ? '' : '+'}${renderNumber(spread.median, metric.digits)}`;
}

function renderLimit({ better, value }: Target, limit: number): string {
  const met = better === 'more' ? value!.median >= limit : value!.median <= limit;
  return `${better === 'more' ? '≥' : '≤'} ${limit} ${met ? 'met' : 'missed'}`;
}

function renderNumber(value: number, digits: number): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function renderTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map(
      (row) =>
        `  ${row.map((cell, column) => (column ? cell.padStart(widths[column]!) : cell.padEnd(widths[0]!))).join('  ')}\n`,
    )
    .join('');
}
