/** Documents that one project may have known, and characters that these may have together. */
const mostDocuments = 1000;
const mostCharacters = 1024 * 1024;
const mostProjects = 100;

interface Shelf {
  readonly documents: Map<string, string>;
  characters: number;
}

/**
 * Documents that clients have made known, by the SHA-256 of their text in hexadecimal: each project its own, those of this thread.
 * What was used last is kept.
 */
export class DocumentStore {
  readonly #shelves = new Map<string, Shelf>();

  find(project: string, hash: string): string | null {
    const shelf = this.#shelves.get(project);
    const text = shelf?.documents.get(hash);
    if (!shelf || text === undefined) return null;
    renew(this.#shelves, project, shelf);
    renew(shelf.documents, hash, text);
    return text;
  }

  keep(project: string, hash: string, text: string): void {
    const shelf = this.#shelves.get(project) ?? { documents: new Map<string, string>(), characters: 0 };
    renew(this.#shelves, project, shelf);
    if (!shelf.documents.has(hash)) shelf.characters += text.length;
    renew(shelf.documents, hash, text);
    for (const [oldest, dropped] of shelf.documents) {
      if (shelf.documents.size <= mostDocuments && shelf.characters <= mostCharacters) break;
      shelf.documents.delete(oldest);
      shelf.characters -= dropped.length;
    }
    for (const oldest of this.#shelves.keys()) {
      if (this.#shelves.size <= mostProjects) break;
      this.#shelves.delete(oldest);
    }
  }
}

function renew<K, V>(map: Map<K, V>, key: K, value: V): void {
  map.delete(key);
  map.set(key, value);
}
