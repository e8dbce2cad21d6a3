import type { Command } from 'commander';
import { quantileOf, type LiveFigures } from '#core/live-figures.ts';
import { followAdmin, type AdminOptions } from './admin-client.ts';
import { adminOption, jsonOption, stateOption } from './options.ts';
import { print, printJson } from './print.ts';
import { renderTable, visible } from './render-table.ts';

interface TopFlags extends AdminOptions {
  readonly once?: boolean;
  readonly json?: boolean;
}

/** What is shown are means over this time. */
const windowMs = 10_000;
const failures = ['upstream_error', 'timeout', 'gateway_crash'];

/** What passes through a running gateway, once a second. */
export function addTop(sluice: Command): void {
  sluice
    .command('top')
    .description('what passes now, by route, target and project; Ctrl-C ends it')
    .option('--once', 'the first second that is heard of, and no more')
    .addOption(adminOption())
    .addOption(stateOption())
    .addOption(jsonOption())
    .action(watch);
}

async function watch(flags: TopFlags): Promise<void> {
  const recent: LiveFigures[] = [];
  // The gateway ends a stream after a minute, and wants to know again who watches.
  for (;;) {
    for await (const figures of followAdmin<LiveFigures>(flags, '/v1/live')) {
      if (!figures.overMs) continue;
      recent.push(figures);
      while (recent.length > 1 && figures.atMs - recent[0]!.atMs >= windowMs) recent.shift();
      if (flags.json) await printJson(figures);
      else await print(flags.once ? renderTop(recent) : `\u001b[H\u001b[J${renderTop(recent)}`);
      if (flags.once) return;
    }
  }
}

const perSecond = (count: number, seconds: number): string => (count / seconds).toFixed(1);

function renderTop(recent: readonly LiveFigures[]): string {
  const last = recent.at(-1)!;
  const seconds = recent.reduce((sum, { overMs }) => sum + (overMs ?? 0), 0) / 1000;
  const rows = <T>(pick: (figures: LiveFigures) => readonly T[], nameOf: (row: T) => string) =>
    [...Map.groupBy(recent.flatMap(pick), nameOf).entries()].sort(([a], [b]) => (a < b ? -1 : 1));
  const milliseconds = (lists: readonly (readonly number[])[], part: number): string => {
    const { boundsSeconds } = last;
    const counts = [...boundsSeconds, Infinity].map((_, i) =>
      lists.reduce((sum, list) => sum + (list[i] ?? 0), 0),
    );
    const quantile = quantileOf(counts, { part, boundsSeconds });
    return quantile === null ? '-' : String(Math.round(quantile * 1000));
  };
  return [
    `${new Date(last.atMs).toISOString()}  open streams ${last.openStreams}  connections ${last.connections}\n\n`,
    renderTable(
      ['route', 'requests/s', 'failed/s', 'refused/s', 'p50 ms', 'p95 ms'],
      rows(
        ({ routes }) => routes,
        ({ route }) => route,
      ).map(([route, of]) => [
        visible(route),
        perSecond(countOf(of.map(({ outcomes }) => outcomes)), seconds),
        perSecond(
          countOf(
            of.map(({ outcomes }) => outcomes),
            failures,
          ),
          seconds,
        ),
        perSecond(
          countOf(
            of.map(({ outcomes }) => outcomes),
            ['refused'],
          ),
          seconds,
        ),
        milliseconds(
          of.map(({ durations }) => durations),
          0.5,
        ),
        milliseconds(
          of.map(({ durations }) => durations),
          0.95,
        ),
      ]),
    ),
    '\n',
    renderTable(
      ['target', 'attempts/s', 'not ok/s', 'first content p50 ms', 'p95 ms'],
      rows(
        ({ targets }) => targets,
        ({ provider, model }) => `${provider}/${model}`,
      ).map(([target, of]) => {
        const all = countOf(of.map(({ results }) => results));
        return [
          visible(target),
          perSecond(all, seconds),
          perSecond(
            all -
              countOf(
                of.map(({ results }) => results),
                ['ok'],
              ),
            seconds,
          ),
          milliseconds(
            of.map(({ firstContent }) => firstContent),
            0.5,
          ),
          milliseconds(
            of.map(({ firstContent }) => firstContent),
            0.95,
          ),
        ];
      }),
    ),
    '\n',
    renderTable(
      ['project', 'tokens/s', 'cost/h'],
      rows(
        ({ usage }) => usage,
        ({ project }) => project,
      ).map(([project, of]) => [
        visible(project),
        perSecond(countOf(of.map(({ tokens }) => tokens)), seconds),
        costOf(
          of.map(({ costNano }) => costNano),
          seconds,
        ),
      ]),
    ),
  ].join('');
}

/** Of these names, or of all. */
const countOf = (
  counts: readonly Readonly<Record<string, number>>[],
  names: readonly string[] | null = null,
): number =>
  counts.reduce(
    (sum, each) =>
      sum +
      Object.entries(each).reduce(
        (of, [name, count]) => of + (names?.includes(name) === false ? 0 : count),
        0,
      ),
    0,
  );

function costOf(costs: readonly Readonly<Record<string, number>>[], seconds: number): string {
  const currencies = [...new Set(costs.flatMap((cost) => Object.keys(cost)))];
  return currencies
    .map((currency) => `${((countOf(costs, [currency]) / 1e9 / seconds) * 3600).toFixed(2)} ${currency}`)
    .join(' + ');
}
