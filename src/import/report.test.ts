import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ReportBuilder, type SourcePath } from './report.ts';

const runs = process.env['SLUICE_LONG'] ? 5000 : 100;

test('each place of a document has a line, its own or one of what it stands in', () => {
  const report = new ReportBuilder();
  report.carried(['a', 'b'], 'to b');
  report.differs(['list', 0], 'in part');
  const { lines } = report.finish({ a: { b: { c: 1 }, 'd/e': 2 }, list: [1, { x: 1 }], z: {} });
  assert.deepEqual(
    lines.map(({ place, outcome }) => `${place} ${outcome}`),
    ['/a/b carried', '/list/0 differs', '/a/d~1e not-carried', '/list/1 not-carried', '/z not-carried'],
  );
});

test('whatever was said, nothing of a document is left out', () => {
  const leaves = (value: unknown, path: SourcePath = []): SourcePath[] => {
    if (typeof value !== 'object' || value === null) return [path];
    const members = Object.entries(value);
    if (members.length === 0) return path.length === 0 ? [] : [path];
    return members.flatMap(([key, member]) => leaves(member, [...path, key]));
  };
  fc.assert(
    fc.property(fc.object({ maxDepth: 3 }), fc.infiniteStream(fc.nat(3)), (source, chance) => {
      const report = new ReportBuilder();
      const all = leaves(source);
      for (const path of all)
        if (chance.next().value === 0) report.carried(path.slice(0, 1 + chance.next().value!), 'somewhere');
      const told = new Set(report.finish(source).lines.map(({ place }) => place));
      for (const path of all) {
        const places = path.map((_, i) =>
          path
            .slice(0, i + 1)
            .map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`)
            .join(''),
        );
        assert.ok(told.has('') || places.some((place) => told.has(place)), places.join(' '));
      }
    }),
    { numRuns: runs },
  );
});

test('a secret becomes a variable that the report asks for', () => {
  const report = new ReportBuilder();
  assert.equal(report.secret('key of ann', 'the key of ann'), '${env:KEY_OF_ANN}');
  assert.deepEqual([...report.finish({}).variables], [['KEY_OF_ANN', 'the key of ann']]);
});
