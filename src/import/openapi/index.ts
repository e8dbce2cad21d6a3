import { isObject } from '#core/read-json.ts';
import { basePathsOf, readOperations, type WrittenOperation } from '#core/openapi/read-api.ts';
import { ImportError, type Imported, type Importer, type ImportSource } from '../importer.ts';
import { readMapping } from '../read-source.ts';
import { ReportBuilder } from '../report.ts';
import { readGatewayParts, validatorOf } from './gateway-parts.ts';
import { integrationOf } from './integrations.ts';
import { project, Security } from './security.ts';
import { readServers, type Servers } from './servers.ts';
import { importUsagePlans } from './usage-plans.ts';

type Members = Readonly<Record<string, unknown>>;
type Document = Imported['document'];
type Route = NonNullable<Document['routes']>[number];

/** API descriptions of OpenAPI 3.0 and 3.1, with what AWS API Gateway exports in them. */
export const openapi: Importer = {
  format: 'openapi',
  title: 'an OpenAPI 3.0 or 3.1 document (JSON or YAML), also one that AWS API Gateway has exported',
  import: importOpenApi,
};

/** @throws ImportError */
function importOpenApi(source: ImportSource): Imported {
  const api = readMapping(source);
  const { openapi: version } = api;
  if (typeof version !== 'string' || !/^3\.[01]\.\d+/.test(version))
    throw new ImportError(
      `${source.file}: expected an OpenAPI document of version 3.0 or 3.1, got ${told(api)}`,
    );
  const report = new ReportBuilder();
  report.carried(['openapi'], 'the version');
  for (const key of ['info', 'tags', 'externalDocs'])
    if (key in api) report.carried([key], 'of the description, which the gateway reads from the file itself');
  const plans = source.beside['usage-plans'];
  const limits = plans === undefined ? [] : importUsagePlans(plans, report);
  const importing = new ApiImport(api, source.file, report, limits);
  const routes = importing.routes();
  return {
    document: { version: 1, ...importing.owners(), routes, policies: [] } as unknown as Document,
    report: report.finish(api),
  };
}

function told({ openapi: version, swagger }: Record<string, unknown>): string {
  if (typeof swagger === 'string') return `Swagger ${swagger.slice(0, 10)}; convert it to OpenAPI 3 first`;
  return typeof version === 'string' ? `version ${version.slice(0, 20)}` : 'something else';
}

/** Operations that go one way under the same policies. */
interface Group {
  readonly to: Servers;
  readonly policies: readonly object[];
  readonly operations: WrittenOperation[];
}

/** One document on its way. */
class ApiImport {
  readonly #api: Members;
  readonly #file: string;
  readonly #report: ReportBuilder;
  readonly #limits: readonly object[];
  readonly #security: Security;
  /** Was it exported by a gateway? Its servers are that gateway then, and what it validates is written there. */
  readonly #isExport: boolean;
  readonly #name: string;

  constructor(api: Members, file: string, report: ReportBuilder, limits: readonly object[]) {
    this.#api = api;
    this.#file = file;
    this.#report = report;
    this.#limits = limits;
    this.#security = new Security(api, report);
    this.#isExport = readGatewayParts(api, report);
    const title = isObject(api['info']) ? api['info']['title'] : undefined;
    this.#name = nameOf(typeof title === 'string' ? title : 'api');
    const { components } = api;
    for (const key of Object.keys(isObject(components) ? components : {}))
      if (key !== 'securitySchemes') report.carried(['components', key], 'by the operations that use it');
    if ('security' in api) report.carried(['security'], 'policies of the routes');
  }

  /** Teams and projects that tokens stand for. */
  owners(): object {
    return this.#security.usesProject
      ? { teams: { imported: {} }, projects: { [project]: { team: 'imported' } } }
      : {};
  }

  routes(): Route[] {
    const groups = new Map<string, Group>();
    const single: object[] = [];
    const base = this.#isExport ? this.#ownBase() : null;
    const root = this.#isExport ? null : readServers(this.#api, this.#report);
    for (const each of readOperations(this.#api)) {
      const { operation, place } = each;
      this.#report.carried(place, `a route: ${each.id.slice(0, 100)}`);
      const policies = [...this.#security.policiesOf(operation, this.#api, place), ...this.#limits];
      if (this.#isExport) {
        const route = this.#exported(each, base ?? '', policies);
        if (route) single.push(route);
        continue;
      }
      const owner = 'servers' in operation ? operation : 'servers' in each.item ? each.item : null;
      const to = owner
        ? readServers(owner, this.#report, owner === operation ? place : place.slice(0, 2))
        : root!;
      const key = JSON.stringify([to, policies]);
      const group = groups.get(key) ?? { to, policies, operations: [] };
      group.operations.push(each);
      groups.set(key, group);
    }
    const described = [...groups.values()].map((group, i) =>
      this.#described(group, { i, count: groups.size }),
    );
    return [...described, ...this.#unique(single)] as unknown as Route[];
  }

  #described({ to, policies, operations }: Group, { i, count }: { i: number; count: number }): object {
    const match = {
      file: this.#file,
      basePath: to.basePath,
      ...(count === 1
        ? {}
        : { operations: operations.map(({ method, template }) => `${method} ${template}`) }),
    };
    return {
      name: i === 0 ? this.#name : `${this.#name}-${i + 1}`,
      match: { openapi: match },
      to: { http: to.urls },
      policies: [...policies, { validate: { openapi: this.#file, basePath: to.basePath } }],
    };
  }

  /** One operation of a gateway, with its own way; null: it has none that can be carried over. */
  #exported(
    { template, method, id, operation, place }: WrittenOperation,
    base: string,
    policies: readonly object[],
  ): object | null {
    const integration = integrationOf(operation, template, place, this.#report);
    if (!integration) {
      this.#report.notCarried(place, 'nothing is left that it leads to: there is no route for it');
      return null;
    }
    const path = `${base}${template.replace(/\/\{[^{}/]+\+\}$/, '/**')}`;
    const validate = validatorOf(this.#api, operation, place, this.#report);
    return {
      name: nameOf(`${this.#name}-${id}`),
      match: { path, ...(method === 'ANY' ? {} : { methods: [method] }) },
      to: integration.to,
      policies: [
        ...policies,
        ...(validate
          ? [{ validate: { openapi: this.#file, basePath: base, unknown: 'pass', responses: 'off' } }]
          : []),
      ],
    };
  }

  #ownBase(): string {
    if ('servers' in this.#api)
      this.#report.carried(['servers'], 'the path below which the routes are; the host is your own now');
    return basePathsOf(this.#api)[0] ?? '';
  }

  #unique(routes: readonly object[]): object[] {
    const names = new Map<string, number>();
    return routes.map((route) => {
      const { name } = route as { name: string };
      const count = (names.get(name) ?? 0) + 1;
      names.set(name, count);
      return count === 1 ? route : { ...route, name: `${name}.${count}` };
    });
  }
}

/** A name as sluice.yaml takes it. */
const nameOf = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+|-+$/g, '')
    .slice(0, 60) || 'api';
