import { isObject } from '#core/read-json.ts';
import type { ReportBuilder, SourcePath } from '../report.ts';

export interface Servers {
  /** Of upstreams, without the path below which the operations are. */
  readonly urls: string[];
  /** Below which the operations are: `/v1`, or empty. */
  readonly basePath: string;
}

/** What stands in for servers that a document does not name. */
const unknownServer = 'http://127.0.0.1:3000';

/** The servers of an API, a path or an operation (OpenAPI 3.1 §4.8.5). */
export function readServers(
  owner: Record<string, unknown>,
  report: ReportBuilder,
  path: SourcePath = [],
): Servers {
  const servers = Array.isArray(owner['servers']) ? (owner['servers'] as unknown[]) : [];
  const urls: string[] = [];
  let basePath: string | null = null;
  for (const [i, server] of servers.entries()) {
    const at = [...path, 'servers', i];
    const url = isObject(server) ? urlOf(server, report, at) : null;
    if (url === null) report.notCarried(at, 'its URL is none of http or https that could be called');
    else if (basePath !== null && url.path !== basePath)
      report.notCarried(at, `its path differs from that of the first server (${basePath || '/'})`);
    else {
      basePath = url.path;
      if (!urls.includes(url.origin)) urls.push(url.origin);
      report.carried(at, `to.http: ${url.origin}`);
    }
  }
  if (urls.length === 0) {
    urls.push(unknownServer);
    report.differs(
      [...path, 'servers'],
      `no server is named that could be called; ${unknownServer} stands in for it: put yours there`,
    );
  }
  return { urls, basePath: basePath ?? '' };
}

interface ServerUrl {
  readonly origin: string;
  readonly path: string;
}

function urlOf(
  { url: written, variables }: Record<string, unknown>,
  report: ReportBuilder,
  at: SourcePath,
): ServerUrl | null {
  if (typeof written !== 'string') return null;
  const known = isObject(variables) ? variables : {};
  const filled = written.replace(/\{([^{}]*)\}/g, (whole, name: string) => {
    const variable = Object.hasOwn(known, name) ? known[name] : null;
    const value = isObject(variable) ? variable['default'] : null;
    if (typeof value !== 'string' && typeof value !== 'number') return whole;
    report.differs(
      [...at, 'variables', name],
      `its default stands in the URL; other values are other upstreams`,
    );
    return String(value);
  });
  if (!URL.canParse(filled) || /[{}\s]/.test(filled)) return null;
  const { protocol, origin, pathname, username } = new URL(filled);
  if ((protocol !== 'http:' && protocol !== 'https:') || username !== '') return null;
  return { origin, path: pathname.replace(/\/+$/, '') };
}
