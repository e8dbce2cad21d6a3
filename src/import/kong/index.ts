import { Draft } from '../draft.ts';
import { Fields } from '../fields.ts';
import { ImportError, type Imported, type Importer, type ImportSource } from '../importer.ts';
import { readMapping } from '../read-source.ts';
import { ReportBuilder } from '../report.ts';
import { byRank } from '../route-parts.ts';
import { readConsumers } from './consumers.ts';
import { collectEntities } from './entities.ts';
import { readRoute, type World } from './routes.ts';

/** Declarative configurations of Kong (https://developer.konghq.com/gateway/db-less-mode/), as `deck` writes them, too. */
export const kong: Importer = {
  format: 'kong',
  title: 'a declarative configuration of Kong (kong.yml)',
  import: importKong,
};

/** @throws ImportError */
function importKong(source: ImportSource): Imported {
  const written = readMapping(source);
  const version = written['_format_version'];
  if (typeof version !== 'string' || !/^[123]\.\d$/.test(version))
    throw new ImportError(`${source.file}: expected a _format_version of "1.1", "2.1" or "3.0"`);
  const report = new ReportBuilder();
  const draft = new Draft(report);
  const root = new Fields(written, [], report);
  for (const key of ['_format_version', '_transform', '_comment', '_info', '_plugin_configs']) root.take(key);
  const entities = collectEntities(root);
  const world: World = {
    ...{ draft, entities, isOld: !version.startsWith('3') },
    issuers: readConsumers(root, entities, draft),
    ...{ providers: new Map(), services: new Map(), told: new Set() },
  };
  const routes = entities.routes.flatMap((route) => readRoute(route, world));
  routes.sort((a, b) => byRank(a.rank, b.rank));
  for (const { piece } of routes) draft.addRoute(piece);
  for (const service of entities.services)
    if (!world.services.has(service)) service.restNotCarried('no route leads to it');
  for (const { fields } of entities.plugins)
    if (!world.told.has(fields))
      fields.restNotCarried('no route has it, or nobody authenticates where it is');
  sayRest(root);
  root.close('read');
  return { document: draft.document(), report: report.finish(written) };
}

function sayRest(root: Fields): void {
  for (const key of ['certificates', 'ca_certificates', 'snis'])
    for (const each of root.each(key))
      each.restNotCarried(
        'certificates are given to a listener: listen.tls.certificates, with cert, key and names',
      );
  for (const key of ['vaults', 'key_sets', 'keys'])
    for (const each of root.each(key)) each.restNotCarried('see docs/secrets.md: ${vault:…} and the like');
  for (const key of ['partials', 'filter_chains', 'rbac_roles', 'licenses'])
    for (const each of root.each(key)) each.restNotCarried('there is nothing like it');
}
