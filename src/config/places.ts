import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml';

/** Where in a document: `['routes', 0, 'match', 'path']`. */
export type Path = readonly (string | number)[];

export interface Place {
  /** `routes[0].match.path` */
  readonly path: string;
  /** From 1; 0 where the place in the text is not known. */
  readonly line: number;
  readonly column: number;
}

/** Finds the place of a path in a text. `onKey` points at the key, where that is what is wrong. */
export type FindPlace = (path: Path, onKey?: boolean) => Place;

/** How configurations are read: YAML 1.2, whose keys are strings and come once. */
export const yamlOptions = {
  version: '1.2',
  schema: 'core',
  uniqueKeys: true,
  stringKeys: true,
  prettyErrors: false,
} as const;

/** For problems that are found when the text is no longer at hand as a tree. */
export function placesIn(text: string): FindPlace {
  const lines = new LineCounter();
  return placesOf(parseDocument(text, { ...yamlOptions, lineCounter: lines }), lines);
}

/** What is missing has the place of what should have it. */
export function placesOf(document: Document, lines: LineCounter): FindPlace {
  return (path, onKey = false) => {
    let node = document.contents as Node | null;
    let offset = node?.range?.[0] ?? 0;
    for (const [i, step] of path.entries()) {
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
        if (!pair) break;
        const key = pair.key as Node;
        node = pair.value as Node | null;
        const last = i === path.length - 1;
        // An empty value ends where it begins, on whatever line comes next.
        const empty = !node?.range || node.range[0] === node.range[1];
        offset = ((last && onKey) || empty ? key : node!).range?.[0] ?? offset;
      } else if (isSeq(node)) {
        node = node.items[Number(step)] as Node | null;
        offset = node?.range?.[0] ?? offset;
      } else break;
    }
    const { line, col } = lines.linePos(offset);
    return { path: renderPath(path), line, column: col };
  };
}

function renderPath(path: Path): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .replace(/^\./, '');
}
