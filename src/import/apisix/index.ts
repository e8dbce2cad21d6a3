import { Draft, type Piece } from '../draft.ts';
import { Fields } from '../fields.ts';
import { ImportError, type Imported, type Importer, type ImportSource } from '../importer.ts';
import { readMapping } from '../read-source.ts';
import { ReportBuilder } from '../report.ts';
import { byRank, ofConsumer, ofGroup, RouteParts } from '../route-parts.ts';
import { isCredential, readConsumer } from './consumers.ts';
import type { PluginPlace } from './plugin.ts';
import { readPluginList, readRoute, type World } from './routes.ts';
import { readUpstream } from './upstreams.ts';

/** Rules of the standalone mode of Apache APISIX (https://apisix.apache.org/docs/apisix/deployment-modes/). */
export const apisix: Importer = {
  format: 'apisix',
  title: 'rules of a standalone APISIX (apisix.yaml)',
  import: importApisix,
};

const known = [
  'routes',
  'services',
  'upstreams',
  'consumers',
  'consumer_groups',
  'plugin_configs',
  'global_rules',
];

/** @throws ImportError */
function importApisix(source: ImportSource): Imported {
  const rules = readMapping(source);
  if (!known.some((key) => key in rules))
    throw new ImportError(`${source.file}: expected rules of APISIX: ${known.join(', ')}`);
  const report = new ReportBuilder();
  const draft = new Draft(report);
  const fields = new Fields(rules, [], report);
  const byId = (key: string): Map<string, Fields> =>
    new Map(fields.each(key).map((each) => [each.word('id') ?? '', each]));
  const issuers: Piece[] = [];
  const providers = new Map<string, string>();
  const named = {
    services: byId('services'),
    upstreams: byId('upstreams'),
    plugin_configs: byId('plugin_configs'),
  };
  const readers = consumersOf(fields, draft, issuers);
  const everywhere = new RouteParts(draft);
  const at = (parts: RouteParts): PluginPlace => ({
    ...{ parts, name: 'all', uris: [], hasHost: false, providers, issuers },
    upstreamOf: (id) => {
      const found = named.upstreams.get(id);
      return found ? readUpstream(found) : null;
    },
    inlineUpstream: readUpstream,
  });
  for (const rule of fields.each('global_rules')) {
    rule.word('id');
    const list = rule.within('plugins');
    if (list) readPluginList(list, at(everywhere), new Set());
    rule.close('policies of every route');
  }
  const callers = readers.flatMap((read) => read(at));
  const world: World = {
    draft,
    byId: named,
    everywhere,
    ofCallers: (parts) => callers.forEach(({ when, own }) => parts.adopt(own, when)),
    providers,
    issuers,
    said: new Set(),
  };
  const routes = fields.each('routes').flatMap((each) => readRoute(each, world));
  routes.sort((a, b) => byRank(a.rank, b.rank));
  for (const { piece } of routes) draft.addRoute(piece);
  unused(named, world);
  sayRest(fields);
  fields.close('read');
  return { document: draft.document(), report: report.finish(rules) };
}

interface OfCallers {
  readonly when: string;
  readonly own: RouteParts;
}

/** Consumers at once, since plugins of routes name them; what they bring is read once it is known where it stands. */
function consumersOf(
  fields: Fields,
  draft: Draft,
  issuers: Piece[],
): ((at: (parts: RouteParts) => PluginPlace) => OfCallers[])[] {
  const read = (list: Fields, when: string) => (at: (parts: RouteParts) => PluginPlace) => {
    const own = new RouteParts(draft);
    readPluginList(list, at(own), new Set(list.keys.filter(isCredential)));
    return [{ when, own }];
  };
  const readers: ((at: (parts: RouteParts) => PluginPlace) => OfCallers[])[] = [];
  for (const each of fields.each('consumers')) {
    const consumer = readConsumer(each, draft, issuers);
    if (consumer?.plugins && consumer.plugins.keys.some((key) => !isCredential(key)))
      readers.push(read(consumer.plugins.without(isCredential), ofConsumer(consumer.name)));
  }
  for (const each of fields.each('consumer_groups')) {
    const id = each.word('id');
    each.word('name');
    for (const key of ['desc', 'labels']) if (each.has(key)) each.notCarried(key, 'it changes nothing');
    const list = each.within('plugins');
    if (id !== undefined && list) readers.push(read(list, ofGroup(id)));
    each.close('groups of consumers');
  }
  return readers;
}

/** What no route refers to. */
function unused(named: World['byId'], { said }: World): void {
  for (const list of Object.values(named))
    for (const fields of list.values())
      if (!said.has(fields.path.join('\n'))) fields.restNotCarried('no route refers to it');
}

function sayRest(fields: Fields): void {
  for (const ssl of fields.each('ssls'))
    ssl.restNotCarried(
      'certificates are given to a listener: listen.tls.certificates, with cert, key and names',
    );
  for (const route of fields.each('stream_routes')) route.restNotCarried('only HTTP is spoken');
  for (const proto of fields.each('protos'))
    proto.restNotCarried('gRPC passes as it is, and is not made from JSON');
  for (const secret of fields.each('secrets'))
    secret.restNotCarried('see docs/secrets.md: ${vault:…} and the like');
  for (const meta of fields.each('plugin_metadata')) meta.restNotCarried('say it of each policy');
}
