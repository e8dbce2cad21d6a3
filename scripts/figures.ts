import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** What was counted, by its name, in the order in which it is shown. */
export type Figures = Readonly<Record<string, number>>;

/** Puts together what the reporter and the counter of properties left behind. */
export function readFigures(files: { counted: string; cases: string }): Figures {
  const {
    '@tests': tests = 0,
    '@pass': passed = 0,
    '@skipped': skipped = 0,
    ...said
  } = readCounts(files.counted);
  const runs = existsSync(files.cases)
    ? readFileSync(files.cases, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { properties: number; cases: number })
    : [];
  const sum = (key: 'properties' | 'cases') => runs.reduce((total, run) => total + run[key], 0);
  const others = Object.entries(said).filter(([name]) => !name.startsWith('@'));
  return {
    tests,
    'tests that passed': passed,
    'tests that were skipped': skipped,
    properties: sum('properties'),
    'random cases tried against them': sum('cases'),
    ...Object.fromEntries(others),
  };
}

const readCounts = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>;

const grouped = (count: number) => count.toLocaleString('en-US');

/** For people at a terminal: one line each, numbers aligned. */
export function renderFigures(figures: Figures): string {
  const width = Math.max(...Object.values(figures).map((count) => grouped(count).length));
  return Object.entries(figures)
    .map(([name, count]) => `${grouped(count).padStart(width)}  ${name}`)
    .join('\n');
}

export interface Run {
  readonly figures: Figures;
  readonly minutes: number;
}

/** Writes the page of figures, with the day and the commit that they are of. */
export function writeFigures(path: string, { figures, minutes }: Run): void {
  const rows = Object.entries(figures).map(([name, count]) => `| ${name} | ${grouped(count)} |`);
  writeFileSync(
    path,
    `# Figures

What the full test run counted: \`npm run test:long -- --figures docs/figures.md\`, which writes this page when everything
passed. Each line is said by a test after it has proved it.

${new Date().toISOString().slice(0, 10)}, commit \`${commit()}\`, Node.js ${process.versions.node}, ${availableParallelism()} cores, ${minutes} minutes.

| counted | |
|---|---|
${rows.join('\n')}
`,
  );
}

/** The commit, and whether files differed from it. */
function commit(): string {
  const git = (...args: string[]) => spawnSync('git', args, { encoding: 'utf8' }).stdout.trim();
  const changed = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes';
  return (git('rev-parse', '--short=10', 'HEAD') || 'unknown') + changed;
}
