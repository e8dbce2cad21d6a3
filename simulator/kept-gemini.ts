import { doCall, failed } from './batches.ts';
import type { BatchWork } from './batches.ts';
import { cancel, linesOf, lookAt } from './kept-batch.ts';
import type { KeptBatch } from './kept-batch.ts';
import type { Account } from './accounts.ts';
import { found, linesIn } from './kept-operation.ts';
import type { KeptOperation, KeptReply } from './kept-operation.ts';
import { isObject } from './shape.ts';
import type { Json } from './shape.ts';
import { renderJson } from './sse.ts';

const host = 'https://generativelanguage.googleapis.com';
const bad = (message: string): KeptReply => ({
  status: 400,
  json: renderJson({ error: { code: 400, message, status: 'INVALID_ARGUMENT' } }),
});

/** Gemini's files, which come in pieces, and batches. */
export const geminiKept: readonly KeptOperation[] = [
  [
    'POST',
    /^(\/upload\/v1(?:beta)?\/files)$/,
    (account, path, { request, bytes, call }) => {
      const session = new URL(request.url ?? '/', host).searchParams.get('upload_id');
      const command = String(request.headers['x-goog-upload-command'] ?? '');
      if (session === null)
        return command === 'start' ? begin(account, path, { bytes, number: call.number }) : bad('start');
      const upload = account.uploads.get(session);
      if (!upload) return null;
      const offset = Number(request.headers['x-goog-upload-offset']);
      if (offset !== upload.chunks.reduce((sum, { length }) => sum + length, 0))
        return bad(`offset ${offset}`);
      upload.chunks.push(Buffer.from(bytes));
      if (!command.includes('finalize'))
        return { status: 200, json: '', type: 'text/plain', headers: { 'x-goog-upload-status': 'active' } };
      account.uploads.delete(session);
      const content = Buffer.concat(upload.chunks);
      const file = { ...upload.file, sizeBytes: String(content.length) };
      account.files.set(String(upload.file.name), { file, content });
      return { ...found({ file }), headers: { 'x-goog-upload-status': 'final' } };
    },
  ],
  [
    'GET',
    /^\/v1(?:beta)?\/(files\/[^/:]+)$/,
    (account, name) => {
      const kept = account.files.get(name);
      return kept ? found(kept.file) : null;
    },
  ],
  [
    'GET',
    /^\/v1(?:beta)?\/(files\/[^/:]+):download$/,
    (account, name) => {
      const kept = account.files.get(name);
      if (kept && kept.file.source !== 'GENERATED') return bad('only generated files can be downloaded');
      return kept ? { status: 200, json: kept.content, type: String(kept.file.mimeType) } : null;
    },
  ],
  [
    'DELETE',
    /^\/v1(?:beta)?\/(files\/[^/:]+)$/,
    (account, name) => (account.files.delete(name) ? found({}) : null),
  ],
  [
    'POST',
    /^\/v1(?:beta)?\/models\/([^/]+):batchGenerateContent$/,
    (account, model, { bytes, call }, store) => {
      const { batch } = JSON.parse(bytes.toString('utf8')) as Json;
      const config = isObject(batch) ? batch.inputConfig : null;
      if (!isObject(config)) return bad('batch.inputConfig');
      const inline = isObject(config.requests) ? config.requests.requests : null;
      const lines = Array.isArray(inline) ? (inline as Json[]) : linesIn(account, config.fileName);
      if (!lines) return bad('no requests');
      const kept = runBatch({ model, lines }, { store, number: call.number });
      kept.done = isObject(config.requests) ? withInline(kept) : withFile(account, kept, call.number);
      account.batches.set(String(kept.running.name), kept);
      return found(kept.running);
    },
  ],
  [
    'GET',
    /^\/v1(?:beta)?\/(batches\/[^/:]+)$/,
    (account, name) => {
      const batch = account.batches.get(name);
      return batch ? found(lookAt(batch)) : null;
    },
  ],
  [
    'POST',
    /^\/v1(?:beta)?\/(batches\/[^/:]+):cancel$/,
    (account, name) => {
      const batch = account.batches.get(name);
      if (!batch) return null;
      cancel(batch, withState(batch.running, 'BATCH_STATE_CANCELLED'));
      return found({});
    },
  ],
  [
    'DELETE',
    /^\/v1(?:beta)?\/(batches\/[^/:]+)$/,
    (account, name) => (account.batches.delete(name) ? found({}) : null),
  ],
];

function begin(
  account: Account,
  path: string,
  { bytes, number }: { bytes: Buffer; number: number },
): KeptReply {
  const body = bytes.length ? (JSON.parse(bytes.toString('utf8')) as Json) : {};
  const given = isObject(body.file) ? body.file : {};
  const name = typeof given.name === 'string' ? given.name : `files/sim${number}`;
  const file = {
    mimeType: 'application/octet-stream',
    ...given,
    name,
    uri: `${host}/v1beta/${name}`,
    state: 'ACTIVE',
    source: 'UPLOADED',
    createTime: new Date().toISOString(),
    expirationTime: new Date(Date.now() + 48 * 3_600_000).toISOString(),
  };
  const session = `upload-sim-${number}`;
  account.uploads.set(session, { file, chunks: [] });
  const url = `${host}${path}?upload_id=${session}&upload_protocol=resumable`;
  return {
    status: 200,
    json: '',
    type: 'text/plain',
    headers: { 'x-goog-upload-url': url, 'x-goog-upload-status': 'active' },
  };
}

function runBatch({ model, lines }: { model: string; lines: readonly Json[] }, work: BatchWork): KeptBatch {
  const results = lines.map(({ key, metadata, request }): Json => {
    const outcome = doCall(`/v1beta/models/${model}:generateContent`, request, work);
    const became = failed(outcome)
      ? { error: { code: 3, message: outcome.message } }
      : { response: outcome.answer };
    return {
      ...(key === undefined ? {} : { key }),
      ...(metadata === undefined ? {} : { metadata }),
      ...became,
    };
  });
  const running = {
    name: `batches/sim${work.number}`,
    metadata: {
      '@type': 'type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch',
      model: `models/${model}`,
      displayName: 'sim',
      createTime: new Date().toISOString(),
      state: 'BATCH_STATE_RUNNING',
    },
  };
  return { running, done: running, looks: 1, results };
}

const withState = (document: Json, state: string, more: Json = {}): Json => ({
  ...document,
  metadata: { ...(document.metadata as Json), state, endTime: new Date().toISOString(), ...more },
  done: true,
});

const withInline = ({ running, results }: KeptBatch): Json =>
  withState(running, 'BATCH_STATE_SUCCEEDED', {
    output: { inlinedResponses: { inlinedResponses: results } },
  });

function withFile(account: Account, { running, results }: KeptBatch, number: number): Json {
  const name = `files/batch-sim${number}`;
  const file = {
    name,
    mimeType: 'application/jsonl',
    source: 'GENERATED',
    state: 'ACTIVE',
    uri: `${host}/v1beta/${name}`,
  };
  account.files.set(name, { file, content: Buffer.from(linesOf(results)) });
  return withState(running, 'BATCH_STATE_SUCCEEDED', { output: { responsesFile: name } });
}
