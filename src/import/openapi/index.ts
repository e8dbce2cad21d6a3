import { isObject } from '#core/read-json.ts';
import { ImportError, type Imported, type Importer, type ImportSource } from '../importer.ts';
import { readMapping } from '../read-source.ts';
import { ReportBuilder } from '../report.ts';
import { readServers } from './servers.ts';

/** API descriptions of OpenAPI 3.0 and 3.1. */
export const openapi: Importer = {
  format: 'openapi',
  title: 'an OpenAPI 3.0 or 3.1 document (JSON or YAML)',
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
  report.carried(['info'], 'nothing here needs it');
  const { urls, basePath } = readServers(api, report);
  const title = isObject(api['info']) ? api['info']['title'] : undefined;
  const route = {
    name: nameOf(typeof title === 'string' ? title : 'api'),
    match: { path: `${basePath}/**` },
    to: { http: urls },
  };
  return { document: { version: 1, routes: [route] }, report: report.finish(api) };
}

function told({ openapi: version, swagger }: Record<string, unknown>): string {
  if (typeof swagger === 'string') return `Swagger ${swagger.slice(0, 10)}; convert it to OpenAPI 3 first`;
  return typeof version === 'string' ? `version ${version.slice(0, 20)}` : 'something else';
}

/** A name as sluice.yaml takes it. */
const nameOf = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+|-+$/g, '')
    .slice(0, 60) || 'api';
