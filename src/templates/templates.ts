import type { PolicyServices } from '#core/contracts/policy.ts';
import { LiquidEngine } from './liquid-engine.ts';
import { emitters, oneLine, withEmitters, type Place } from './places.ts';

export interface Template {
  /** Is it the same whatever the values? */
  readonly constant: boolean;
  /** @throws Error where a bound is reached, a value is missing (strict), or what comes of it does not fit its place. */
  render(values: object): string;
}

export interface TemplateOptions {
  readonly place: Place;
  /** Is it an error to ask for a value that is not there? (No: it is empty, in JSON null.) */
  readonly strict?: boolean;
}

/** Texts in Liquid: they have no files and no other templates, and are bounded in size, steps and time. */
export class Templates {
  readonly #engines = new Map<boolean, LiquidEngine>();

  /** @throws Error saying what cannot be read, and where. */
  compile(source: string, { place, strict = false }: TemplateOptions): Template {
    const check = checkOf(place);
    if (!source.includes('{{') && !source.includes('{%')) {
      const text = check(source);
      return { constant: true, render: () => text };
    }
    const engine = this.#engineFor(strict);
    const parsed = engine.parse(withEmitters(source, place));
    return { constant: false, render: (values) => check(engine.render(parsed, values)) };
  }

  #engineFor(strict: boolean): LiquidEngine {
    let engine = this.#engines.get(strict);
    if (!engine) this.#engines.set(strict, (engine = new LiquidEngine(emitters, strict)));
    return engine;
  }
}

/** Those of a thread: their engine is made once. */
export const openTemplates = ({ keep }: Pick<PolicyServices, 'keep'>): Templates =>
  keep('templates', () => new Templates());

/** What a template itself has between its values fits its place, too. */
function checkOf(place: Place): (text: string) => string {
  switch (place) {
    case 'header':
      return oneLine;
    case 'json':
      return (text) => {
        try {
          JSON.parse(text);
        } catch (error) {
          throw new SyntaxError(
            `what the template gives is not JSON: ${(error as Error).message.slice(0, 200)}`,
          );
        }
        return text;
      };
    default:
      return (text) => text;
  }
}
