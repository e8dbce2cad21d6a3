import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { format } from 'prettier';
import { makeMatrix, type Cell, type Row } from './matrix.ts';

const page = new URL('../../docs/dialects/matrix.md', import.meta.url);
const matrix = makeMatrix();

test('nothing of a call is lost in silence, from any dialect to any other', () => {
  const silent = matrix.flatMap(({ client, calls }) =>
    calls.flatMap(({ feature, cells }) =>
      Object.entries(cells).flatMap(([provider, cell]) =>
        cell === 'silent' ? [`${feature}: ${client} → ${provider}`] : [],
      ),
    ),
  );
  assert.deepEqual(silent, []);
});

test('what every dialect of a chat can say arrives everywhere', () => {
  for (const { client, calls, answers } of matrix)
    for (const { feature, cells } of [...calls, ...answers]) {
      if (
        !['several turns', 'text', 'finish: stop', 'finish: length', 'usage: input and output'].includes(
          feature,
        )
      )
        continue;
      for (const [provider, cell] of Object.entries(cells))
        // One prompt has no turns.
        if (client !== 'openai-completions' && provider !== 'openai-completions')
          assert.ok(
            ['same', 'translated', 'emulated'].includes(cell),
            `${feature}: ${client}, ${provider}: ${cell}`,
          );
    }
});

test('every error is told to every client, with its status', () => {
  for (const { client, errors } of matrix)
    for (const { feature, cells } of errors)
      for (const [provider, cell] of Object.entries(cells))
        assert.ok(['same', 'translated'].includes(cell), `${feature}: ${client}, ${provider}: ${cell}`);
});

test('the page is what was found out', async () => {
  const text = await format(render(), { parser: 'markdown', printWidth: 125, proseWrap: 'preserve' });
  if (process.env['SLUICE_GOLDEN'] === 'update') writeFileSync(page, text);
  assert.equal(readFileSync(page, 'utf8'), text, 'run with SLUICE_GOLDEN=update, and read what it wrote');
});

const shown: Readonly<Record<Cell, string>> = {
  same: 'same',
  translated: 'translated',
  emulated: '*emulated*',
  refused: '**refused**',
  lost: '**lost**',
  none: '',
  silent: '**silent**',
};

function render(): string {
  const intro = `# What becomes of what

This page is written by \`test/matrix\`, which does what it says: each feature is put into words of the client's dialect, read,
translated for the provider's, and read again; answers go the other way, streamed and whole, and so do errors.

- **same**: client and provider speak the same dialect; bytes pass.
- **translated**: it arrives, in the provider's words.
- **emulated**: it arrives in another form, which \`x-sluice-dropped\` and the receipt name. A strict call is refused.
- **refused**: it cannot be carried: \`x-sluice-dropped\` and the receipt name it, and a strict call is refused.
- **lost**: the provider tells it, and the client's dialect has no word for it.
- empty: the dialect in which it begins has no word for it.

Columns are what the provider speaks.
`;
  const sheets = matrix.map(
    ({ client, calls, answers, errors }) =>
      `\n## A client of \`${client}\`\n\n${[table('call', calls), table('answer', answers), table('error', errors)].join('\n\n')}\n`,
  );
  return intro + sheets.join('');
}

function table(title: string, rows: readonly Row[]): string {
  const columns = Object.keys(rows[0]!.cells);
  const lines = rows.map(
    ({ feature, cells }) => `| ${feature} | ${columns.map((column) => shown[cells[column]!]).join(' | ')} |`,
  );
  const head = `| ${title} | ${columns.map((column) => `\`${column}\``).join(' | ')} |`;
  return [head, `|${'---|'.repeat(columns.length + 1)}`, ...lines].join('\n');
}
