import type { Http2Use } from './http2-use.ts';
import type { Ratio } from './money.ts';
import type { PaceRules } from './pace-rules.ts';
import type { PriceSchedule } from './price.ts';

/** How a credential is put on a request. */
export interface CredentialForm {
  /** Lower-case header name. */
  readonly header: string;
  /** Put before the secret, such as `Bearer `. */
  readonly prefix: string;
}

export interface Timeouts {
  readonly connectMs: number;
  /** From the last byte of the request to the status line. */
  readonly responseHeaderMs: number;
  /** Between two reads. */
  readonly idleMs: number;
  /** Of the whole attempt; 0 is unlimited. */
  readonly totalMs: number;
}

/** Ways in which a provider departs from its dialect. Data, so that no code knows a provider's name. */
export interface Quirks {
  /** Asks for usage on streams by `stream_options.include_usage` (default true where the dialect has it). */
  readonly asksUsage?: boolean;
  /** Name of the field that caps output tokens, where it differs from the dialect's. */
  readonly maxTokensField?: string;
  /** Name of the field for the seed, where a call may name it otherwise. */
  readonly seedField?: string;
  /** Its word for a tool choice that some tool must be called, where a call may say it otherwise. */
  readonly requiredChoice?: string;
  /** Ids of tool calls are refused unless they are this many letters and digits. */
  readonly toolCallIdLength?: number;
  /** Reasoning tokens come beside the output count instead of inside it. */
  readonly reasoningBesideOutput?: boolean;
  /** Field of a delta that carries reasoning text. */
  readonly reasoningField?: string;
  /** Values other than text the provider refuses, and so must be left out of a relayed call. */
  readonly refusesFields?: readonly string[];
  /** Each model has an address of its own, where the dialect has the model in the body. */
  readonly hosted?: HostedCalls;
}

/** Paths below the base URL; `{model}` stands for the model's name, escaped. */
export interface HostedCalls {
  readonly path: string;
  readonly streamPath: string;
  /** Version of the format, which is given in the body. */
  readonly version: string;
  /** The path alone says whether a stream is wanted. */
  readonly streamByPath?: true;
  /** Features that headers ask for elsewhere are asked for in the body. */
  readonly betasInBody?: true;
}

/** Of a kind of signer (contracts/signer.ts), with its settings: regions, projects, secrets. */
export interface SignerUse {
  readonly kind: string;
  readonly settings: Readonly<Record<string, string>>;
}

/** How a provider is reached in another dialect than its first. */
export interface SpokenDialect {
  readonly dialect: string;
  readonly baseUrl: string;
  readonly credential: CredentialForm | null;
}

/** An address that speaks a dialect. */
export interface Provider {
  readonly name: string;
  readonly dialect: string;
  /** `http(s)://host[:port]/prefix` without a trailing slash, or `builtin:<name>` for one inside the process. */
  readonly baseUrl: string;
  readonly credential: CredentialForm | null;
  readonly secret: string | null;
  /** Used in their order where the provider refuses the one before: while keys are exchanged. */
  readonly moreSecrets?: readonly string[];
  /** What proves who calls where a credential in a header does not; null: that does. */
  readonly signer: SignerUse | null;
  /** Other dialects it speaks: a client of one of them is served without translation. */
  readonly speaks: readonly SpokenDialect[];
  /** Extra headers on every call, names in lower case. */
  readonly headers: readonly string[];
  readonly quirks: Quirks;
  readonly timeouts: Timeouts;
  /** Proxy URL for CONNECT, or null. */
  readonly proxy: string | null;
  /** Null: HTTP/1.1. */
  readonly http2: Http2Use | null;
  /** Null: the system's authorities, and no certificate to show. */
  readonly tls: ClientTls | null;
  /** How far what it says a call cost may be from what we say, as a share; absent: 1 %. */
  readonly costTolerance?: Ratio;
  /** Calls are held back by its own limits, as it states them; absent: they are not. */
  readonly pace?: PaceRules;
}

/** PEM texts. */
export interface ClientTls {
  /** Authorities beside the system's. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

/** Provider + model + credential: where one attempt goes. */
export interface Target {
  readonly provider: Provider;
  /** The model's name in the provider's words. */
  readonly model: string;
  /** Null: nothing is known of it. `priceAt` says which version holds. */
  readonly price: PriceSchedule | null;
  /** Used where the dialect requires a cap and the caller gave none. */
  readonly defaultMaxOutputTokens: number;
}

/** The ordered targets for one call: the first is tried first. */
export interface Plan {
  readonly targets: readonly Target[];
}

/** What is known of a provider beforehand: a new one that speaks a known dialect is one of these, and no code. */
export interface ProviderRecord {
  readonly name: string;
  readonly title: string;
  readonly dialect: string;
  /** Null: each customer has another. */
  readonly baseUrl: string | null;
  /** Null for servers that ask for no credential. */
  readonly credential: CredentialForm | null;
  /** Other dialects it speaks; what is left out is as for its first. */
  readonly speaks?: readonly (Pick<SpokenDialect, 'dialect'> & Partial<SpokenDialect>)[];
  /** Kind of signer it needs; absent: none. With a credential as well, a key is taken in its place. */
  readonly signer?: string;
  /** Its address, where that follows from the settings of its signer; null where they say too little. */
  readonly locate?: (settings: SignerUse['settings']) => string | null;
  /** Environment variable that holds its key (or, for local servers, its address). */
  readonly variable: string | null;
  /** Bare model names that begin so are this provider's. */
  readonly modelPrefixes: readonly string[];
  /** Listed without further configuration. */
  readonly models: readonly string[];
  readonly quirks: Quirks;
  /** The provider's id in the seed of prices; null: its models have no list price. */
  readonly priceList: string | null;
  /** What batches cost of list prices, in percent; absent: all. */
  readonly batchPercent?: number;
  /** The provider's own page on what this record says. */
  readonly source: string;
}
