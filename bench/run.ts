/** `npm run bench`: see README.md in this folder. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { buildPrograms } from './build.ts';
import { checkAnswers, collectAnswers } from './check-answers.ts';
import type { Figure, Sample } from './figures/figure.ts';
import { figures } from './figures/index.ts';
import { parseOptions, usage, type Options } from './options.ts';
import { renderReport, renderResults } from './report.ts';
import { Stand, type Subject } from './stand.ts';
import { variants } from './variants/index.ts';
import type { Variant } from './variants/variant.ts';

/** Between rounds a variant stays warm; a little makes new connections and caches current again. */
const againWarmupSeconds = 1;

const say = (text: string) => process.stderr.write(`${text}\n`);

function choose<T extends { readonly name: string }>(all: readonly T[], names: readonly string[]): T[] {
  return names.map((name) => {
    const found = all.find((one) => one.name === name);
    if (!found) throw new Error(`no ${name}; there are ${all.map((one) => one.name).join(', ')}`);
    return found;
  });
}

async function startAll(stand: Stand, chosen: readonly Variant[]): Promise<Subject[]> {
  const subjects: Subject[] = [];
  for (const variant of chosen) subjects.push(await stand.startVariant(variant));
  const expected = await collectAnswers(stand.upstreamPort);
  for (const { variant, running } of subjects) {
    checkAnswers(variant.name, { expected, actual: await collectAnswers(running.port) });
  }
  return subjects;
}

async function measureFigure(
  stand: Stand,
  figure: Figure,
  subjects: readonly Subject[],
): Promise<Map<string, Sample[]>> {
  const taking = subjects.filter(({ variant }) => figure.applies(variant));
  const samples = new Map<string, Sample[]>(taking.map(({ variant }) => [variant.name, []]));
  const { rounds, warmupSeconds } = stand.options;
  for (let round = 0; round < rounds; round++) {
    // A B C, then C B A: what drifts with time meets all alike.
    for (const subject of round % 2 ? taking.toReversed() : taking) {
      const { name } = subject.variant;
      say(`${figure.name} ${round + 1}/${rounds} ${name}`);
      const warmup =
        round === 0 || figure.fresh ? warmupSeconds : Math.min(againWarmupSeconds, warmupSeconds);
      try {
        samples.get(name)!.push(await figure.measure(stand, subject, warmup));
      } catch (error) {
        throw new Error(`${figure.name} of ${name} is void: ${(error as Error).message}`, { cause: error });
      }
    }
  }
  return samples;
}

function describeMachine(): object {
  const commit = (() => {
    try {
      return execFileSync('git', ['describe', '--always', '--dirty'], {
        cwd: import.meta.dirname,
        encoding: 'utf8',
      }).trim();
    } catch {
      return null;
    }
  })();
  return {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.versions.node,
    commit,
  };
}

async function run(options: Options): Promise<void> {
  const chosen = choose(variants, options.variants);
  const wanted = options.only.length > 0 ? choose(figures, options.only) : figures;
  const versions = Object.fromEntries(
    chosen.map((variant) => [variant.name, { version: variant.version(), on: variant.about }]),
  );
  const stand = new Stand(options, buildPrograms(import.meta.dirname));
  let stopped = false;
  const stop = () => {
    stopped = true;
    void stand.close();
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);

  const results = new Map<Figure, ReadonlyMap<string, readonly Sample[]>>();
  let failure: string | null = null;
  try {
    await stand.open();
    const subjects = await startAll(stand, chosen);
    for (const figure of wanted) {
      if (!chosen.some((variant) => figure.applies(variant))) continue;
      results.set(figure, await measureFigure(stand, figure, subjects));
    }
  } catch (error) {
    failure = stopped ? 'interrupted' : (error as Error).message;
  } finally {
    await stand.close();
  }

  const date = new Date().toISOString();
  const directory = join(import.meta.dirname, 'results');
  const file = join(directory, `${date.replace(/[:.]/g, '-')}.json`);
  mkdirSync(directory, { recursive: true });
  const record = {
    date,
    void: failure,
    machine: describeMachine(),
    realtime: stand.realtime,
    options,
    versions,
  };
  writeFileSync(
    file,
    `${JSON.stringify({ ...record, figures: renderResults(results, options.variants) }, null, 2)}\n`,
  );
  if (results.size > 0) process.stdout.write(`${renderReport(results, options.variants)}\n`);
  say(failure === null ? file : `VOID: ${failure}\n${file}`);
  process.exitCode = failure === null ? 0 : 1;
}

if (process.argv.includes('--help')) {
  process.stdout.write(`${usage}\n`);
} else {
  try {
    await run(parseOptions(process.argv.slice(2)));
  } catch (error) {
    say((error as Error).message);
    process.exitCode = 2;
  }
}
