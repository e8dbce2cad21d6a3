import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Child, Children, Placement } from './children.ts';

export interface Percentiles {
  readonly count: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
}

/** What `load` prints. */
export interface LoadReport {
  readonly mode: string;
  readonly seconds: number;
  readonly answered: number;
  readonly failed: number;
  readonly firstFailure: string;
  /** What the generator itself used in the window. */
  readonly cpuSeconds: number;
  /** With its head. */
  readonly requestBytes: number;
  readonly answersPerSecond: number;
  readonly eventsPerSecond: number;
  /** From the request, or when it was due, to the end of its answer. */
  readonly whole: Percentiles;
  /** The same, to the first byte of the answer's body. */
  readonly first: Percentiles;
  /** From the stamp in an event to its arrival. */
  readonly delay: Percentiles;
}

export interface LoadRequest {
  readonly mode: 'closed' | 'open' | 'paced';
  readonly port: number;
  /** None: a GET of `path`. */
  readonly model?: string;
  readonly path?: string;
  readonly bearer?: string;
  /** Keys to choose from: six digits after `bearer`. */
  readonly keys?: number;
  readonly stream?: boolean;
  readonly chunks?: number;
  readonly events?: number;
  readonly promptBytes?: number;
  /** Tools that the model may call; about 330 bytes each. */
  readonly tools?: number;
  readonly connections?: number;
  readonly streams?: number;
  readonly rampMs?: number;
  readonly rate?: number;
  readonly seconds?: number;
  readonly warmup?: number;
}

export interface LoadRun {
  readonly child: Child;
  /** The measured window opens; rejects when the generator fails before. */
  readonly begun: Promise<void>;
  readonly ended: Promise<void>;
  /** @throws Error when anything failed: a run with failures measures something else. */
  readonly report: Promise<LoadReport>;
}

const graceMs = 60_000;

/** Runs the load generator once. */
export function startLoad(children: Children, command: readonly string[], placement: Placement): LoadRun {
  const child = children.start(command, placement);
  const marks = { begin: Promise.withResolvers<void>(), end: Promise.withResolvers<void>() };
  let words = '';
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line === 'begin' || line === 'end') marks[line].resolve();
    else words += `${line}\n`;
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));

  const report = (async (): Promise<LoadReport> => {
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`load generator ended with ${code}: ${words}${text}`);
    const result = JSON.parse(text) as LoadReport;
    if (result.failed > 0)
      throw new Error(`${result.failed} requests failed, the first: ${result.firstFailure}`);
    return result;
  })();
  report.catch((error: unknown) => {
    marks.begin.reject(error);
    marks.end.reject(error);
  });
  for (const promise of [report, marks.begin.promise, marks.end.promise]) promise.catch(() => {});
  return { child, begun: marks.begin.promise, ended: marks.end.promise, report };
}

/** The generator's arguments for a request, and how long it may take at most. */
export function renderLoadArguments(request: LoadRequest): { args: string[]; limitMs: number } {
  const args: string[] = [];
  for (const [name, value] of Object.entries(request)) {
    if (value === undefined || value === false) continue;
    args.push(`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
    if (value !== true) args.push(String(value));
  }
  const seconds =
    (request.seconds ?? 0) +
    (request.warmup ?? 0) +
    (request.chunks ?? 0) / 20 +
    (request.rampMs ?? 0) / 1000;
  return { args, limitMs: seconds * 1000 + graceMs };
}
