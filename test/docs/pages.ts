import { readdirSync, readFileSync } from 'node:fs';

export interface Fence {
  /** `README.md:15`, to be found in an editor. */
  readonly at: string;
  readonly page: string;
  /** The word after the fence; empty where there is none. */
  readonly language: string;
}

/** Paths of all pages, from the top of the repository. */
export const pages: readonly string[] = readdirSync('.', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.md') && !path.includes('node_modules') && !path.startsWith('dist'))
  .sort();

/** Where fenced blocks of a page begin (CommonMark, section 4.5), in their order. */
export function fencesOf(page: string): Fence[] {
  const text = readFileSync(page, 'utf8');
  return [...text.matchAll(/^```(.*)\n[^]*?^```$/gm)].map((match) => ({
    at: `${page}:${text.slice(0, match.index).split('\n').length}`,
    page,
    language: match[1]!.trim(),
  }));
}

/** Pages whose blocks of configuration are whole ones, each served as it stands. */
export const servedPages: readonly string[] = [
  'docs/access.md',
  'docs/configuration.md',
  'docs/admin-api.md',
  'docs/websocket.md',
  'docs/model-routing.md',
  'docs/grpc.md',
  'docs/mcp.md',
  'docs/continue.md',
  'docs/prices.md',
  'docs/events.md',
  'docs/audit.md',
  'docs/caching.md',
  'docs/telemetry.md',
  'docs/queues.md',
  'docs/prompts.md',
  'docs/transformation.md',
  'docs/storage.md',
  'docs/identity.md',
  'docs/dialects/embeddings.md',
  'docs/dialects/images-and-sound.md',
  'docs/dialects/realtime.md',
];
