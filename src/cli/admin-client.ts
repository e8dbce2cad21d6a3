import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConfigDifference, ConfigFinding } from '#core/contracts/control-plane.ts';
import { renderProblem } from '#config/problem.ts';
import { CommandFailed } from './command-failed.ts';
import { renderChanges } from './render-changes.ts';
import { visible } from './render-table.ts';

export interface AdminOptions {
  readonly admin?: string;
  readonly state: string;
}

const withinMs = 30_000;

/** Method and path, and headers where there are any. */
export type AdminRequest =
  string | { readonly line: string; readonly headers: Readonly<Record<string, string>> };

/** Asks the admin API of a running gateway. @throws CommandFailed saying what to do. */
export async function askAdmin<T>(options: AdminOptions, request: AdminRequest, body?: unknown): Promise<T> {
  const { line, headers: asked } = typeof request === 'string' ? { line: request, headers: {} } : request;
  const [method, path] = line.split(' ') as [string, string];
  const { base, token, headers } = placeOf(options, { path, headers: asked });
  if (body !== undefined) headers['content-type'] = 'application/json';
  let status: number;
  let text: string;
  try {
    const answer = await fetch(new URL(path, base), {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(withinMs),
    });
    status = answer.status;
    text = await answer.text();
  } catch (error) {
    throw unreachable(base, error);
  }
  if (status >= 200 && status < 300) return (text === '' ? null : JSON.parse(text)) as T;
  throw refused({ base, token, status, text });
}

/** What is told as events (`data` of each, parsed), until the gateway ends the stream. @throws CommandFailed */
export async function* followAdmin<T>(options: AdminOptions, path: string): AsyncGenerator<T> {
  const { base, token, headers } = placeOf(options, { path, headers: { accept: 'text/event-stream' } });
  const answer = await fetch(new URL(path, base), { headers, redirect: 'error' }).catch((error) => {
    throw unreachable(base, error);
  });
  if (answer.status !== 200) throw refused({ base, token, status: answer.status, text: await answer.text() });
  let open = '';
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    const lines = (open + chunk).split('\n');
    open = lines.pop()!;
    for (const line of lines) if (line.startsWith('data: ')) yield JSON.parse(line.slice(6)) as T;
  }
}

function placeOf(
  options: AdminOptions,
  { path, headers: asked }: { readonly path: string; readonly headers: Readonly<Record<string, string>> },
) {
  const base = options.admin ?? readState(options.state, 'admin-url') ?? 'http://127.0.0.1:9080';
  if (!URL.canParse(path, base)) throw new CommandFailed(`"${base}" is not a URL`);
  const token = process.env['SLUICE_ADMIN_TOKEN'] ?? readState(options.state, 'admin-token');
  const headers: Record<string, string> = { accept: 'application/json', ...asked };
  if (token) headers['authorization'] = `Bearer ${token}`;
  return { base, token, headers };
}

function unreachable(base: string, error: unknown): CommandFailed {
  const { message, code } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
  return new CommandFailed(
    `the admin API at ${base} cannot be reached (${code ?? message}); is the gateway running? --admin names another address`,
    error,
  );
}

interface Refusal {
  readonly base: string;
  readonly token: string | null;
  readonly status: number;
  readonly text: string;
}

function refused({ base, token, status, text }: Refusal): CommandFailed {
  if (status !== 401) return new CommandFailed(`the admin API answered ${status}: ${detailOf(text)}`);
  const lack = token ? 'does not take this token' : 'needs a token';
  return new CommandFailed(
    `the admin API at ${base} ${lack}: set SLUICE_ADMIN_TOKEN, or name the gateway's directory with --state`,
  );
}

/** Every page of a list, whose members stand under `name`. @throws CommandFailed */
export async function askPages<T>(options: AdminOptions, path: string, name: string): Promise<T[]> {
  const members: T[] = [];
  let cursor: string | undefined;
  do {
    const from = cursor === undefined ? '' : `&cursor=${cursor}`;
    const page = await askAdmin<Record<string, unknown>>(options, `GET ${path}?limit=1000${from}`);
    members.push(...(page[name] as T[]));
    cursor = page['next'] as string | undefined;
  } while (cursor !== undefined);
  return members;
}

interface ProblemDocument {
  readonly detail?: string;
  readonly findings?: readonly ConfigFinding[];
  readonly changes?: readonly ConfigDifference[];
}

function detailOf(text: string): string {
  let problem: ProblemDocument;
  try {
    problem = JSON.parse(text) as ProblemDocument;
  } catch {
    return text.slice(0, 200);
  }
  const { detail = text, findings = [], changes = [] } = problem;
  return [
    detail,
    ...findings.map((found) => renderProblem(found, 'document')),
    ...(changes.length ? [renderChanges(changes).trimEnd()] : []),
  ]
    .map((each) => each.split('\n').map(visible).join('\n'))
    .join('\n');
}

function readState(directory: string, name: string): string | null {
  try {
    return readFileSync(join(directory, name), 'utf8').trim() || null;
  } catch {
    return null;
  }
}
