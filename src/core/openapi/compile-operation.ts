import type { CompileOptions } from '../json-schema/compile-schema.ts';
import { SchemaCompiler } from '../json-schema/compile-schema.ts';
import { isMembers } from '../json-schema/keywords.ts';
import type { Check } from '../json-schema/run.ts';
import { SchemaProblem } from '../json-schema/schema-dialect.ts';
import { essenceOf } from './media-types.ts';
import type { ParameterPlace, ParameterStyle } from './parameter-styles.ts';
import type { Api, ApiOperation } from './read-api.ts';
import { shapeOf, type ValueShape } from './value-shape.ts';

type Members = Readonly<Record<string, unknown>>;

export interface Parameter extends ParameterStyle {
  readonly required: boolean;
  /** Null: whatever it is. */
  readonly check: Check | null;
  /** Its text is a JSON document. */
  readonly isJson: boolean;
}

export interface Content {
  /** Null: whatever it is. */
  readonly check: Check | null;
  /** Of forms, for reading their fields. */
  readonly shape: ValueShape;
}

export interface BodyRules {
  readonly required: boolean;
  /** By media type or range; empty: any. */
  readonly content: ReadonlyMap<string, Content>;
}

export interface AnswerRules {
  readonly body: BodyRules;
  readonly headers: readonly Parameter[];
}

/** What requests and answers of one operation must be. */
export interface Operation {
  readonly id: string;
  readonly parameters: readonly Parameter[];
  /** Null: nothing is said. */
  readonly body: BodyRules | null;
  /** By status: `200`, `2XX`, `default`. */
  readonly answers: ReadonlyMap<string, AnswerRules>;
}

export type OperationOptions = Pick<CompileOptions, 'formats'>;

/** Makes operations of an API ready; schemas that they share are made once. */
export class OperationCompiler {
  readonly #api: Api;
  readonly #requests: SchemaCompiler;
  readonly #answers: SchemaCompiler;

  constructor(api: Api, { formats }: OperationOptions) {
    const { dialect, documents } = api;
    this.#api = api;
    this.#requests = new SchemaCompiler(documents, { dialect, formats, direction: 'request' });
    this.#answers = new SchemaCompiler(documents, { dialect, formats, direction: 'answer' });
  }

  /** @throws SchemaProblem with the place of what cannot be used. */
  compile({ id, operation, parameters, place }: ApiOperation): Operation {
    const { requestBody, responses } = operation;
    const answers = new Map<string, AnswerRules>();
    for (const [status, written] of Object.entries(isMembers(responses) ? responses : {})) {
      const answer = this.#api.behind(written);
      if (!isMembers(answer)) continue;
      const at = [...place, 'responses', status];
      answers.set(status.toUpperCase() === 'DEFAULT' ? 'default' : status.toUpperCase(), {
        body: { required: false, content: this.#contentOf(answer, this.#answers, at) },
        headers: Object.entries(isMembers(answer['headers']) ? answer['headers'] : {}).flatMap(
          ([name, header]) => {
            const found = this.#api.behind(header);
            return isMembers(found)
              ? [this.#parameter({ ...found, name, in: 'header' }, this.#answers, at)]
              : [];
          },
        ),
      });
    }
    const body = this.#api.behind(requestBody);
    return {
      id,
      parameters: parameters.filter(isUsed).map((each) => this.#parameter(each, this.#requests, place)),
      body: isMembers(body)
        ? {
            required: body['required'] === true,
            content: this.#contentOf(body, this.#requests, [...place, 'requestBody']),
          }
        : null,
      answers,
    };
  }

  #contentOf({ content }: Members, compiler: SchemaCompiler, place: readonly string[]): BodyRules['content'] {
    const ranges = new Map<string, Content>();
    for (const [range, media] of Object.entries(isMembers(content) ? content : {})) {
      const schema = isMembers(media) ? media['schema'] : undefined;
      const at = [...place, 'content', range, 'schema'];
      ranges.set(essenceOf(range), {
        check: schema === undefined ? null : compiler.compile(schema, at),
        shape: shapeOf(schema, (each) => compiler.follow(each)),
      });
    }
    return ranges;
  }

  #parameter(written: Members, compiler: SchemaCompiler, place: readonly string[]): Parameter {
    const name = written['name'] as string;
    const at = written['in'] as ParameterPlace;
    const content = isMembers(written['content']) ? Object.entries(written['content'])[0] : undefined;
    const media = content && isMembers(content[1]) ? content[1] : null;
    const schema = media ? media['schema'] : written['schema'];
    const usual = at === 'query' || at === 'cookie' ? 'form' : 'simple';
    const style = typeof written['style'] === 'string' ? written['style'] : usual;
    if (!styles[at].includes(style))
      throw new SchemaProblem(
        `at /${place.join('/')}: the parameter "${name}" has the style "${style}"; of its place there are ${styles[at].join(', ')}`,
      );
    return {
      name: at === 'header' ? name.toLowerCase() : name,
      place: at,
      style,
      explode: typeof written['explode'] === 'boolean' ? written['explode'] : style === 'form',
      // A document is read as one, not as a list of what stands between commas.
      shape: content ? oneText : shapeOf(schema, (each) => compiler.follow(each)),
      required: written['required'] === true || at === 'path',
      check: schema === undefined ? null : compiler.compile(schema, [...place, 'parameters', name]),
      isJson: content !== undefined,
    };
  }
}

const oneText: ValueShape = { types: new Set(['string']), items: null, members: new Map() };

const styles: Readonly<Record<ParameterPlace, readonly string[]>> = {
  path: ['simple', 'label', 'matrix'],
  query: ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'],
  header: ['simple'],
  cookie: ['form'],
};

/** Headers that are described elsewhere say nothing here (OpenAPI 3.1 §4.8.12.1). */
const describedElsewhere = new Set(['accept', 'content-type', 'authorization']);

function isUsed({ in: place, name }: Members): boolean {
  if (typeof place !== 'string' || !Object.hasOwn(styles, place)) return false;
  return place !== 'header' || !describedElsewhere.has((name as string).toLowerCase());
}
