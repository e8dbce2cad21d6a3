import type { JsonObject } from '#core/call.ts';

type Container = Record<string, unknown> | unknown[];

/** Longer arrays are not made of one place in them. */
const maxGap = 1024;

/**
 * Arguments of a call that come value by value, each with its place (`$.rooms[0].name`); a text may come in pieces.
 * https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling#streaming-fc
 */
export class PartialArguments {
  readonly #root: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  /** Place of the text that goes on with the next value. */
  #open: string | null = null;

  add(value: JsonObject): void {
    const path = typeof value['jsonPath'] === 'string' ? value['jsonPath'] : '';
    const steps = stepsOf(path);
    if (steps.length === 0) return;
    const text = value['stringValue'];
    const said =
      typeof text === 'string'
        ? text
        : 'nullValue' in value
          ? null
          : (value['numberValue'] ?? value['boolValue']);
    if (said === undefined) return;
    const goesOn = this.#open === path;
    this.#open = value['willContinue'] === true ? path : null;
    place(this.#root, steps, (before) =>
      goesOn && typeof before === 'string' && typeof said === 'string' ? before + said : said,
    );
  }

  toString(): string {
    return JSON.stringify(this.#root);
  }
}

function stepsOf(path: string): (string | number)[] {
  const steps: (string | number)[] = [];
  for (const [, name, index, quoted] of path.matchAll(/\.([^.[\]]+)|\[(\d{1,9})\]|\['([^']*)'\]/g))
    steps.push(index === undefined ? (name ?? quoted)! : Number(index));
  return steps;
}

function place(
  root: Container,
  steps: readonly (string | number)[],
  change: (before: unknown) => unknown,
): void {
  let at = root;
  for (const [i, step] of steps.entries()) {
    const next = steps[i + 1];
    const before = read(at, step);
    if (next === undefined) return write(at, step, change(before));
    if (typeof before === 'object' && before !== null) at = before as Container;
    else {
      const made: Container =
        typeof next === 'number' ? [] : (Object.create(null) as Record<string, unknown>);
      write(at, step, made);
      at = made;
    }
  }
}

const read = (at: Container, step: string | number): unknown =>
  Array.isArray(at) ? at[Number(step)] : at[String(step)];

function write(at: Container, step: string | number, value: unknown): void {
  if (!Array.isArray(at)) at[String(step)] = value;
  else if (typeof step === 'number' && step <= at.length + maxGap) at[step] = value;
}
