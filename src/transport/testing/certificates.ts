import { makeAuthority, type Pair } from './authority.ts';

export interface Certificates {
  /** Of the authority that signed all but `selfSigned`. */
  readonly ca: string;
  /** For `localhost` and 127.0.0.1. */
  readonly good: Pair;
  /** For `localhost`, and no address. */
  readonly nameOnly: Pair;
  /** For `other.test`. */
  readonly wrongName: Pair;
  /** As `good`, but only until 2021. */
  readonly expired: Pair;
  /** For `localhost` and 127.0.0.1. */
  readonly selfSigned: Pair;
}

const here = 'DNS:localhost,IP:127.0.0.1';

/** The certificates that a server may show, good and bad. */
export function makeCertificates(): Certificates {
  const authority = makeAuthority();
  try {
    return {
      ca: authority.ca,
      good: authority.issue({ alternatives: here }),
      nameOnly: authority.issue({ alternatives: 'DNS:localhost' }),
      wrongName: authority.issue({ alternatives: 'DNS:other.test' }),
      expired: authority.issue({ alternatives: here, to: '20210101000000Z' }),
      selfSigned: authority.selfSign(here),
    };
  } finally {
    authority[Symbol.dispose]();
  }
}
