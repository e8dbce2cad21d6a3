import type { AwsSecretSettings, SecretSource } from '#core/contracts/secret-source.ts';
import type { SignerServices } from '#core/contracts/signer.ts';
import { findCredentials } from '#providers/signers/aws-sigv4/credentials.ts';
import { signRequest } from '#providers/signers/aws-sigv4/sign-request.ts';
import { Renewed } from '#providers/signers/renewed.ts';
import { documentOf, objectIn, refusalOf } from './reply.ts';

const who = 'AWS Secrets Manager';

/** https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html */
export function awsSource({ endpoint, signing }: AwsSecretSettings, services: SignerServices): SecretSource {
  const region = signing['region'] ?? services.env['AWS_REGION'] ?? services.env['AWS_DEFAULT_REGION'];
  const credentials = new Renewed(() => findCredentials(signing, services), services.clock);
  return {
    async fetch(path) {
      if (!region) throw new Error(`${who}: no region is known: say secrets.aws.region`);
      const url = endpoint ?? `https://secretsmanager.${region}.amazonaws.com`;
      const body = JSON.stringify({ SecretId: path });
      const headers = [
        ...['host', new URL(url).host],
        ...['content-type', 'application/x-amz-json-1.1', 'x-amz-target', 'secretsmanager.GetSecretValue'],
      ];
      const signed = signRequest(
        { method: 'POST', path: '/', headers, body: Buffer.from(body) },
        await credentials.get(),
        { region, service: 'secretsmanager', atMs: services.clock.nowMs() },
      );
      const sent = signed.filter((_, i) => signed[i - (i % 2)] !== 'host');
      const reply = await services.ask({ url: `${url}/`, method: 'POST', headers: sent, body });
      if (reply.status !== 200) throw failureOf(reply, path);
      const { SecretString: text, SecretBinary: binary } = objectIn(reply, who);
      if (typeof text === 'string') return documentOf(text);
      if (typeof binary === 'string') return documentOf(Buffer.from(binary, 'base64').toString('utf8'));
      throw new Error(`${who} answered without SecretString`);
    },
  };
}

/** It says by a type, not by the status, what is wrong. */
function failureOf(reply: { status: number; body: string }, path: string): Error {
  const type = /"__type"\s*:\s*"(?:[^"#]*#)?([A-Za-z]{1,60})"/.exec(reply.body)?.[1] ?? '';
  if (type === 'ResourceNotFoundException') return refusalOf(404, who, path);
  if (type === 'AccessDeniedException') return refusalOf(403, who, path);
  const refusal = refusalOf(reply.status, who, path);
  return type === '' ? refusal : new Error(`${refusal.message}: ${type}`);
}
