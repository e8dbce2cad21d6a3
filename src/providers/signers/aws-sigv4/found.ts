import type { Lent } from '../renewed.ts';
import type { AwsCredentials } from './sign-request.ts';

/** As configured: see the signer. */
export type AwsSettings = Readonly<Record<string, string>>;
export type Found = Lent<AwsCredentials>;
