import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { ImportError, importers, type ImportReport } from '#import/index.ts';

const formats = ['apisix', 'kong'];
const sourceOf = (format: string): unknown =>
  parse(readFileSync(new URL(`${format}/source.yaml`, import.meta.url), 'utf8'));

/** Each place of a document that is no mapping and no list with something in it, as JSON Pointer. */
function leavesOf(value: unknown, at = ''): string[] {
  if (typeof value !== 'object' || value === null) return [at];
  const entries = Object.entries(value);
  if (entries.length === 0) return [at];
  return entries.flatMap(([key, each]) =>
    leavesOf(each, `${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`),
  );
}

/** Is a place spoken of, by itself or by one above it? */
function uncovered(report: ImportReport, document: unknown): string[] {
  const said = new Set(report.lines.map(({ place }) => place));
  const isSaid = (place: string): boolean => {
    for (let at = place; ; at = at.slice(0, at.lastIndexOf('/'))) {
      if (said.has(at)) return true;
      if (at === '') return false;
    }
  };
  return leavesOf(document).filter((place) => !isSaid(place));
}

/** Null for what is no configuration of the product. */
function importAs(format: string, document: unknown) {
  try {
    return importers.get(format)!.import({ file: 'x.yaml', text: JSON.stringify(document), beside: {} });
  } catch (thrown) {
    assert.ok(thrown instanceof ImportError, String(thrown));
    return null;
  }
}

for (const format of formats) {
  test(`${format}: every key of a document is in the report, and no secret of it in what is made`, () => {
    const document = sourceOf(format);
    const { document: made, report } = importAs(format, document)!;
    assert.deepEqual(uncovered(report, document), []);
    const text = stringify(made);
    for (const secret of ['key-of-jack', 'secret-of-jack', 'thirty-two-bytes', 'sk-of-the-vendor'])
      assert.ok(!text.includes(secret), secret);
    for (const { note } of report.lines) assert.ok(note.length > 0);
  });

  test(`${format}: a document that was changed anywhere, or is any document, is read to its end, and told of whole`, () => {
    const source = sourceOf(format);
    const places = leavesOf(source);
    const anything = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom('', '*', '/', '/**', '~/(', '$host', '{{x}}', -1, 1e21, 0.5, [], {}, [{}], null),
    );
    const changed = fc
      .array(fc.tuple(fc.constantFrom(...places), anything), { minLength: 1, maxLength: 8 })
      .map((edits) => edits.reduce((document, [place, value]) => withValue(document, place, value), source));
    const any = fc.dictionary(
      fc.constantFrom('routes', 'services', 'consumers', 'plugins', 'upstreams', '_format_version', 'x'),
      anything,
    );
    fc.assert(
      fc.property(fc.oneof(changed, any), (document) => {
        const imported = importAs(format, document);
        if (imported) assert.deepEqual(uncovered(imported.report, document), []);
      }),
      { numRuns: process.env.SLUICE_LONG ? 5000 : 150, seed: 31 },
    );
  });
}

/** A copy with another value at a place, or at the place above it. */
function withValue(document: unknown, place: string, value: unknown): unknown {
  const copy = structuredClone(document);
  const steps = place
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  let at = copy as Record<string, unknown>;
  for (const step of steps.slice(0, -1)) {
    const next = at[step];
    if (typeof next !== 'object' || next === null) return copy;
    at = next as Record<string, unknown>;
  }
  at[steps.at(-1)!] = value;
  return copy;
}
