import type { LoopRules, McpRoute, RouteMatch } from '#core/snapshot.ts';
import type { ToolServer } from '#core/tool-server.ts';
import { parseDuration } from '#core/units.ts';
import { didYouMean, type Problems } from './problem.ts';
import type { Add } from './resolve-match.ts';
import { resolveTimeouts } from './resolve-timeouts.ts';
import { clientTlsOf } from './resolve-upstreams.ts';
import type { ConfigDocument } from './schema.ts';
import type { LoopSettings, McpSettings } from './schema-tools.ts';

/** A tool may take its time before it begins to answer. */
const headerTimeout = '300s';

export function resolveToolServers(
  { servers = {}, programs = {} }: ConfigDocument,
  problems: Problems,
): Record<string, ToolServer> {
  return Object.fromEntries(
    Object.entries(servers).map(([name, settings]): [string, ToolServer] => {
      const { shared = false } = settings;
      if ('url' in settings) {
        const { url, headers = {}, era = null, tls, timeouts } = settings;
        const remote = {
          ...({ kind: 'remote', name, url, era, shared } as const),
          headers: Object.entries(headers).flatMap(([header, value]) => [header.toLowerCase(), value]),
          tls: clientTlsOf(tls),
          timeouts: resolveTimeouts(timeouts, headerTimeout),
        };
        return [name, remote];
      }
      const { program, era = null, maxProcesses = 8 } = settings;
      const started = Object.hasOwn(programs, program) ? programs[program] : undefined;
      if (!started) {
        const hint = didYouMean(program, Object.keys(programs));
        problems.add(['servers', name, 'program'], `unknown program "${program}"${hint}`);
      }
      const { command: [command = '', ...args] = [], env = {}, directory = null } = started ?? {};
      const local = { name, shared, command, args, env, directory, era };
      return [name, { kind: 'local', ...local, maxProcesses }];
    }),
  );
}

type Own = Pick<McpRoute, 'kind' | 'prefix' | 'servers' | 'hosts' | 'origins'>;

/** What a route to servers of tools has of its own. @param known Names of servers. */
export function resolveMcp(
  { servers, hosts, origins = [] }: McpSettings,
  { match, known }: { readonly match: RouteMatch; readonly known: readonly string[] },
  add: Add,
): Own {
  for (const name of servers)
    if (!known.includes(name)) add('to.mcp.servers', `unknown server "${name}"${didYouMean(name, known)}`);
  const { path } = match;
  const isPlain = typeof path === 'string' && !path.includes('{');
  if (!isPlain || path === '/**')
    add('match.path', 'expected a path such as /mcp/**, below which the servers stand by their names');
  return {
    kind: 'mcp',
    prefix: isPlain ? path.replace(/\/\*\*$/, '') : '',
    servers,
    hosts: hosts?.map((host) => host.toLowerCase()) ?? null,
    origins,
  };
}

/** @param known Names of servers. */
export function resolveLoop(
  { servers, steps = 10, calls = 50, timeout = '300s', tokens }: LoopSettings,
  known: readonly string[],
  add: Add,
): LoopRules {
  for (const name of servers)
    if (!known.includes(name))
      add('to.llm.tools.servers', `unknown server "${name}"${didYouMean(name, known)}`);
  return { servers, steps, calls, timeoutMs: parseDuration(timeout), tokens: tokens ?? null };
}
