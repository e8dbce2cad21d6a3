import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailed } from './command-failed.ts';

export interface AdminOptions {
  readonly admin?: string;
  readonly state: string;
}

const withinMs = 30_000;

/** Asks the admin API of a running gateway. @throws CommandFailed saying what to do. */
export async function askAdmin<T>(options: AdminOptions, line: string, body?: unknown): Promise<T> {
  const [method, path] = line.split(' ') as [string, string];
  const base = options.admin ?? readState(options.state, 'admin-url') ?? 'http://127.0.0.1:9080';
  if (!URL.canParse(path, base)) throw new CommandFailed(`"${base}" is not a URL`);
  const token = process.env['SLUICE_ADMIN_TOKEN'] ?? readState(options.state, 'admin-token');
  const headers: Record<string, string> = { accept: 'application/json' };
  if (token) headers['authorization'] = `Bearer ${token}`;
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
    const { message, code } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
    throw new CommandFailed(
      `the admin API at ${base} cannot be reached (${code ?? message}); is the gateway running? --admin names another address`,
      error,
    );
  }
  if (status >= 200 && status < 300) return (text === '' ? null : JSON.parse(text)) as T;
  if (status === 401) {
    const lack = token ? 'does not take this token' : 'needs a token';
    throw new CommandFailed(
      `the admin API at ${base} ${lack}: set SLUICE_ADMIN_TOKEN, or name the gateway's directory with --state`,
    );
  }
  throw new CommandFailed(`the admin API answered ${status}: ${detailOf(text)}`);
}

function detailOf(text: string): string {
  try {
    return (JSON.parse(text) as { detail?: string }).detail ?? text;
  } catch {
    return text.slice(0, 200);
  }
}

function readState(directory: string, name: string): string | null {
  try {
    return readFileSync(join(directory, name), 'utf8').trim() || null;
  } catch {
    return null;
  }
}
