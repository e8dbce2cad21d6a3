import type { SignerKind } from '#core/contracts/signer.ts';
import { awsSigV4 } from './aws-sigv4/index.ts';
import { googleOAuth } from './google-oauth/index.ts';
import { oauth2 } from './oauth2/index.ts';

/** By the kinds that providers name. */
export const signers: ReadonlyMap<string, SignerKind> = new Map([
  ['aws-sigv4', awsSigV4],
  ['google-oauth', googleOAuth],
  ['oauth2', oauth2],
]);
