/** What a rule may go by: a model call in short. Each is found out when it is first asked for; some need the whole call parsed. */
export interface CallFacts {
  readonly call: {
    readonly model: string;
    readonly dialect: string;
    readonly stream: boolean;
    /** An estimate from bytes. */
    readonly promptTokens: number;
    /** UTF-16 code units of all that is said, system and results of tools with it. */
    readonly promptCharacters: number;
    readonly messages: number;
    readonly tools: number;
    readonly images: number;
    readonly documents: number;
    readonly audios: number;
    readonly videos: number;
    /** 0: the caller sets no bound. */
    readonly maxOutputTokens: number;
    readonly choices: number;
    /** Does the caller ask for reasoning? */
    readonly reasoning: boolean;
    /** In the caller's word; empty where none is given. */
    readonly effort: string;
    readonly format: 'text' | 'json' | 'json-schema';
    /** Of what the user said last, by BCP 47: a guess (language.ts), `und` where there is none. */
    readonly language: string;
  };
  readonly request: {
    readonly method: string;
    readonly host: string;
    readonly path: string;
    readonly client: string;
    /** Names in lower case; of several lines the first. */
    readonly headers: Readonly<Record<string, string>>;
  };
  /** Empty texts where nobody authenticated. */
  readonly key: {
    readonly id: string;
    readonly name: string;
    readonly project: string;
    readonly team: string;
  };
  /** Empty texts where nobody authenticated; `name` also where it is none of those under `consumers`. */
  readonly consumer: {
    readonly id: string;
    readonly name: string;
    readonly project: string;
    readonly team: string;
    readonly groups: readonly string[];
  };
  /** What the credential says of its bearer (`Exchange.claims`). */
  readonly claims: Readonly<Record<string, string>>;
  /** In UTC. */
  readonly time: {
    readonly hour: number;
    /** 1 is Monday, 7 Sunday (ISO 8601). */
    readonly weekday: number;
  };
}

/** Rules of one model, made of their expressions. */
export interface CallRules {
  /**
   * Index of the first rule that holds; -1: none. A rule that fails does not hold, and is reported.
   */
  choose(facts: CallFacts, onFailure: (rule: number, message: string) => void): number;
}
