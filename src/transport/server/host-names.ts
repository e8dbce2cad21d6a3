/**
 * Finds what belongs to a host: by its own name, or by `*.` and what follows its first label, for a star in a certificate
 * stands for one label (RFC 6125 §6.4.3). Names in lower case; the first of two with the same name is the one.
 */
export class HostNames<T> {
  readonly #byName = new Map<string, T>();

  add(names: readonly string[], value: T): void {
    for (const name of names) if (!this.#byName.has(name)) this.#byName.set(name, value);
  }

  find(host: string): T | undefined {
    const exact = this.#byName.get(host);
    if (exact !== undefined) return exact;
    const dot = host.indexOf('.');
    return dot > 0 ? this.#byName.get(`*${host.slice(dot)}`) : undefined;
  }
}
