import { SchemaProblem, type SchemaDialect } from './schema-dialect.ts';

type SchemaNode = Readonly<Record<string, unknown>>;

/** One resource: what has a URI of its own. */
interface Identified {
  readonly uri: string;
  readonly root: unknown;
  readonly anchors: Map<string, object>;
  readonly dynamicAnchors: Map<string, object>;
}

/** Keywords whose value is a schema or a list of schemas, and those whose members are. */
const applying = new Set(
  'items additionalItems contains additionalProperties propertyNames not if then else unevaluatedItems unevaluatedProperties contentSchema allOf anyOf oneOf prefixItems'.split(
    ' ',
  ),
);
const holding = new Set(
  'properties patternProperties $defs definitions dependentSchemas dependencies'.split(' '),
);
/** Whose values are data, whatever they look like. */
const quoting = new Set(['enum', 'const', 'default', 'example', 'examples']);

const isNode = (value: unknown): value is SchemaNode =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Documents with schemas in them, and what their references lead to. Nothing is fetched: what is not here is a problem. */
export class SchemaDocuments {
  readonly #resources = new Map<string, Identified>();
  readonly #resourceOf = new WeakMap<object, Identified>();

  /**
   * @param uri Of the document: `doc:///pets.yaml`.
   * @param kind `schema`: it is one; `other`: it holds some, anywhere.
   */
  add(uri: string, root: unknown, kind: 'schema' | 'other', dialect: SchemaDialect): void {
    const first = this.#identify(uri, root);
    const open: { readonly value: unknown; readonly owner: Identified; readonly isSchema: boolean }[] = [
      { value: root, owner: first, isSchema: kind === 'schema' },
    ];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { value, isSchema } = next;
      if (typeof value !== 'object' || value === null || this.#resourceOf.has(value)) continue;
      const owner = isNode(value) ? this.#ownerOf(value, next.owner, dialect) : next.owner;
      this.#resourceOf.set(value, owner);
      for (const [key, member] of Object.entries(value)) {
        if (kind === 'other') {
          if (!quoting.has(key)) open.push({ value: member, owner, isSchema: true });
        } else if (!isSchema || applying.has(key)) {
          for (const each of Array.isArray(member) ? member : [member])
            open.push({ value: each, owner, isSchema: true });
        } else if (holding.has(key)) open.push({ value: member, owner, isSchema: false });
      }
    }
  }

  /** What a reference in a schema leads to. @throws SchemaProblem */
  resolve(reference: string, from: object): object | boolean {
    const { uri: base } = this.#resourceOf.get(from) ?? { uri: 'doc:///' };
    if (!URL.canParse(reference, base)) throw new SchemaProblem(`"${shown(reference)}" is no reference`);
    const target = new URL(reference, base);
    const fragment = decoded(target.hash.slice(1));
    target.hash = '';
    const resource = this.#resources.get(target.href);
    if (!resource)
      throw new SchemaProblem(
        `"${shown(reference)}" leads to what is not here; only references within the document and to files beside it are followed`,
      );
    const found =
      fragment === '' || fragment.startsWith('/')
        ? atPointer(resource.root, fragment)
        : anchorOf(resource, fragment);
    if (typeof found !== 'boolean' && (typeof found !== 'object' || found === null))
      throw new SchemaProblem(`"${shown(reference)}" leads nowhere`);
    if (typeof found === 'object' && !this.#resourceOf.has(found)) this.#resourceOf.set(found, resource);
    return found;
  }

  /** Alike for schemas of one resource. */
  resourceKey(node: object): object | null {
    return this.#resourceOf.get(node) ?? null;
  }

  /** The schemas that `$dynamicRef` may choose in the resource of a schema, by their names. */
  dynamicAnchorsOf(node: object): ReadonlyMap<string, object> {
    return this.#resourceOf.get(node)?.dynamicAnchors ?? new Map<string, object>();
  }

  #ownerOf(node: SchemaNode, owner: Identified, dialect: SchemaDialect): Identified {
    const { $id, $anchor, $dynamicAnchor, $ref } = node;
    let own = owner;
    // Beside a reference nothing else was read, once.
    if (
      typeof $id === 'string' &&
      dialect !== 'openapi-3.0' &&
      !(dialect === 'draft-07' && $ref !== undefined)
    ) {
      if (dialect === 'draft-07' && $id.startsWith('#')) owner.anchors.set($id.slice(1), node);
      else if (URL.canParse($id, owner.uri)) {
        const uri = new URL($id, owner.uri);
        uri.hash = '';
        own = this.#identify(uri.href, node);
      } else throw new SchemaProblem(`$id: "${shown($id)}" is no URI`);
    }
    if (typeof $anchor === 'string') own.anchors.set($anchor, node);
    if (typeof $dynamicAnchor === 'string') {
      own.anchors.set($dynamicAnchor, node);
      own.dynamicAnchors.set($dynamicAnchor, node);
    }
    return own;
  }

  /** Of two with one URI the first counts. */
  #identify(uri: string, root: unknown): Identified {
    const known = this.#resources.get(uri);
    if (known && known.root === root) return known;
    const resource = {
      uri,
      root,
      anchors: new Map<string, object>(),
      dynamicAnchors: new Map<string, object>(),
    };
    if (!known) this.#resources.set(uri, resource);
    return resource;
  }
}

const shown = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}…` : text);

function anchorOf({ anchors }: Identified, name: string): unknown {
  return anchors.get(name);
}

/** RFC 6901. */
function atPointer(root: unknown, pointer: string): unknown {
  let value = root;
  for (const step of pointer.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as SchemaNode)[key];
  }
  return value;
}

function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}
