type FieldType = 'string' | 'int' | 'bool' | 'map<string, string>' | 'list<string>';

/** Types of the facts that an expression may ask for, by their names. */
export type FieldTypes<Facts> = Readonly<Record<keyof Facts, FieldType>>;

type Wrapper = new (facts: object) => object;

/** A type of CEL over facts that are found out when they are asked for: its integers are bigints. */
export function wrapperOf(fields: Readonly<Record<string, FieldType>>): Wrapper {
  class Wrapped {
    readonly #facts: Readonly<Record<string, unknown>>;
    constructor(facts: object) {
      this.#facts = facts as Readonly<Record<string, unknown>>;
    }
    static fact(wrapped: Wrapped, name: string): unknown {
      return wrapped.#facts[name];
    }
  }
  for (const [name, type] of Object.entries(fields))
    Object.defineProperty(Wrapped.prototype, name, {
      get(this: Wrapped) {
        const fact = Wrapped.fact(this, name);
        return type === 'int' ? BigInt(fact as number) : fact;
      },
    });
  return Wrapped;
}
