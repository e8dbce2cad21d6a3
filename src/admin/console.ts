import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

const place = '/console/';
const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};
/** As they are made when the console is built, best first. */
const encodings = [
  { name: 'br', suffix: '.br' },
  { name: 'gzip', suffix: '.gz' },
] as const;
/** Stands in the built page where each answer has another. */
const noncePlace = 'NONCE-OF-THIS-ANSWER';

const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Sluice</title>
<h1>Sluice</h1>
<p>The console is not built in this checkout. Build it once with <code>npm run console</code>, then load this page again.</p>
<p>The admin API is here: <a href="/openapi.json">its OpenAPI document</a>.</p>
</html>
`;

/**
 * The console's files, for anybody: what it shows it asks the API for, as whoever is signed in. Names of files have the hash
 * of what is in them, but for the page's; any other path is a place within the console.
 */
export function serveConsole(app: FastifyInstance, directory: string): void {
  // A page elsewhere may link to it, and an OpenID provider leads back here.
  const config = { open: true, page: true, fromElsewhere: true } as const;
  // Listed when somebody first comes, and again while it is not built.
  let files = new Set<string>();
  const isBuilt = (): boolean => {
    if (files.size === 0) files = listed(directory);
    return files.has('index.html');
  };
  app.get('/', { config }, (_, reply) => reply.redirect(place));
  app.get('/console', { config }, (_, reply) => reply.redirect(place));
  app.get<{ Params: { '*': string } }>(`${place}*`, { config }, async (request, reply) => {
    const name = request.params['*'];
    if (!isBuilt()) return sendPage(reply, notBuilt);
    if (!name.startsWith('assets/')) {
      const page = await readFile(join(directory, 'index.html'), 'utf8');
      return sendPage(reply, page);
    }
    if (!files.has(name)) return reply.code(404).type('text/plain').serializer(String).send('Not found\n');
    return sendFile({ directory, name, files }, request, reply);
  });
}

interface Asset {
  readonly directory: string;
  readonly name: string;
  readonly files: ReadonlySet<string>;
}

async function sendFile({ directory, name, files }: Asset, request: FastifyRequest, reply: FastifyReply) {
  const accepted = String(request.headers['accept-encoding'] ?? '')
    .split(',')
    .map((each) => each.trim().toLowerCase());
  const encoding = encodings.find((each) => accepted.includes(each.name) && files.has(name + each.suffix));
  if (encoding) reply.header('content-encoding', encoding.name);
  return reply
    .header('cache-control', 'public, max-age=31536000, immutable')
    .header('vary', 'accept-encoding')
    .type(types[extname(name)] ?? 'application/octet-stream')
    .send(await readFile(join(directory, name + (encoding?.suffix ?? ''))));
}

/** Nothing runs that is not a file of ours, and styles only those that the page itself has made. */
function sendPage(reply: FastifyReply, text: string): FastifyReply {
  const nonce = randomBytes(16).toString('base64');
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return reply
    .header('content-security-policy', policy)
    .header('cross-origin-opener-policy', 'same-origin')
    .header('referrer-policy', 'no-referrer')
    .type('text/html; charset=utf-8')
    .serializer(String)
    .send(text.replaceAll(noncePlace, nonce));
}

/** Empty: there is no such folder. */
function listed(directory: string): Set<string> {
  try {
    return new Set(readdirSync(directory, { recursive: true, encoding: 'utf8' }));
  } catch {
    return new Set();
  }
}
