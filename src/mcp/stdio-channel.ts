import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import type { JsonObject } from '#core/call.ts';
import { Fault } from '#core/fault.ts';
import { parseJson } from '#core/parse-json.ts';
import type { LocalToolServer } from '#core/tool-server.ts';
import type { Channel, Receiver } from './channel.ts';

/** What any program needs; all else of the gateway's own environment, its secrets among it, stays here. */
const inherited = ['PATH', 'HOME', 'USER', 'SHELL', 'TERM', 'LANG', 'TMPDIR', 'TZ'];
const mostCharacters = 32 * 1024 * 1024;
/** Bytes that may wait for a program that does not read. */
const mostUnread = 8 * 1024 * 1024;
const graceMs = 2000;

/**
 * A program's standard input and output, one message a line
 * (https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio). It ends with the session.
 */
export class StdioChannel implements Channel {
  readonly #server: string;
  readonly #receiver: Receiver;
  readonly #child: ChildProcessWithoutNullStreams;
  #text = '';
  #over = false;

  /** @param log Told each line of its standard error. */
  constructor(server: LocalToolServer, receiver: Receiver, log: (line: string) => void) {
    const { name, command, args, env, directory } = server;
    this.#server = name;
    this.#receiver = receiver;
    const own = Object.fromEntries(
      inherited.flatMap((key) => (process.env[key] === undefined ? [] : [[key, process.env[key]]])),
    );
    this.#child = spawn(command, args, {
      env: { ...own, ...env },
      stdio: 'pipe',
      // Its own group, so that what it starts ends with it.
      detached: true,
      ...(directory === null ? {} : { cwd: directory }),
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    let said = '';
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      const lines = (said + text).slice(-8192).split('\n');
      said = lines.pop()!;
      for (const line of lines) log(line);
    });
    this.#child.stdin.on('error', () => undefined);
    this.#child.on('error', (cause) => this.#lose(`cannot be started: ${cause.message}`, cause));
    this.#child.on('exit', (code, signal) => this.#lose(`has ended (${signal ?? code})`));
  }

  async send(message: JsonObject): Promise<void> {
    if (this.#over) throw this.#fault('has ended');
    if (this.#child.stdin.writableLength > mostUnread) throw this.#fault('does not read what it is sent');
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  opened(): void {}

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#child.stdin.end();
    this.#kill('SIGTERM');
    setTimeout(() => this.#kill('SIGKILL'), graceMs).unref();
  }

  #kill(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // It has ended by itself.
    }
  }

  #take(text: string): void {
    this.#text += text;
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 1);
      if (line.trim() === '') continue;
      try {
        this.#receiver.receive(parseJson(line), null);
      } catch {
        // Programs print what is no message; nobody waits for it.
      }
    }
    if (this.#text.length <= mostCharacters) return;
    this.close();
    this.#receiver.fail(this.#fault(`has written a line of more than ${mostCharacters} characters`));
  }

  #lose(what: string, cause?: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#kill('SIGKILL');
    this.#receiver.fail(this.#fault(what, cause));
  }

  #fault(what: string, cause?: Error): Fault {
    const message = `The program of the server "${this.#server}" ${what}.`;
    return new Fault('upstream/closed', message, cause ? { cause } : {});
  }
}
