import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { startImported, type CaseFile, type ImportedGateway } from './imported-gateway.ts';

const limits = { timeout: 300_000 };

for (const format of ['apisix', 'kong']) {
  const folder = new URL(`${format}/`, import.meta.url).pathname;
  const file = parse(readFileSync(`${folder}cases.yaml`, 'utf8')) as CaseFile;

  describe(`${format}: what was imported behaves as it did`, limits, () => {
    let gateway: ImportedGateway;
    before(async () => {
      gateway = await startImported(format, `${folder}source.yaml`, file.env);
    });
    after(() => gateway.close());

    for (const one of file.cases) {
      const { method = 'GET', path, headers = {} } = one.request;
      const shown = Object.entries(headers).map(([name, value]) => ` ${name}=${value.slice(0, 20)}`);
      test(`${one.feature}: ${method} ${path}${shown.join('')} is ${one.expect.status}`, () =>
        gateway.run(one));
    }

    test('the report says of each place what became of it', () => {
      const said = new Map(gateway.imported.report.lines.map(({ place, outcome }) => [place, outcome]));
      for (const [place, outcome] of Object.entries(file.report))
        assert.equal(said.get(place), outcome, place);
    });
  });
}
