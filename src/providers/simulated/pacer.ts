/** Takes steps at a pace, each in a turn of the event loop of its own. */
export class Pacer {
  readonly #paceMs: number;
  #steps: readonly (() => void)[] = [];
  #at = 0;
  #timer: NodeJS.Timeout | null = null;
  #paused = false;

  constructor(paceMs: number) {
    this.#paceMs = paceMs;
  }

  begin(steps: readonly (() => void)[]): void {
    this.#steps = steps;
    this.#arm();
  }

  pause(): void {
    this.#paused = true;
    this.#disarm();
  }

  resume(): void {
    this.#paused = false;
    this.#arm();
  }

  /** No step is taken from now on. */
  cancel(): void {
    this.#steps = [];
    this.#disarm();
  }

  #arm(): void {
    if (this.#paused || this.#timer || this.#at >= this.#steps.length) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      const step = this.#steps[this.#at]!;
      this.#at += 1;
      step();
      this.#arm();
    }, this.#paceMs);
  }

  #disarm(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
