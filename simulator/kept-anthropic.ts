import { doCall, failed } from './batches.ts';
import type { BatchWork } from './batches.ts';
import { cancel, linesOf, lookAt } from './kept-batch.ts';
import type { KeptBatch } from './kept-batch.ts';
import { found, keptFiles } from './kept-operation.ts';
import type { KeptOperation, KeptReply } from './kept-operation.ts';
import { isObject } from './shape.ts';
import type { Json } from './shape.ts';
import { renderError } from './vendor-errors.ts';

const bad = (message: string): KeptReply => ({
  status: 400,
  json: renderError('anthropic', { status: 400, message }, 'bad'),
});
const vendorUrl = 'https://api.anthropic.com/v1/messages/batches';

/** Anthropic's files and message batches. */
export const anthropicKept: readonly KeptOperation[] = [
  [
    'POST',
    /^\/v1\/(files)$/,
    (account, _, { bytes, call }) => {
      const form = readFile(bytes);
      if (!form) return bad('file is required');
      const file = {
        id: `file_sim_${call.number}`,
        type: 'file',
        filename: form.name,
        mime_type: form.type,
        size_bytes: form.content.length,
        created_at: new Date().toISOString(),
        downloadable: true,
      };
      account.files.set(file.id, { file, content: Buffer.from(form.content) });
      return found(file);
    },
  ],
  ...keptFiles({
    typeOf: ({ mime_type }) => String(mime_type),
    deleted: (id) => ({ id, type: 'file_deleted' }),
  }),
  [
    'POST',
    /^\/v1\/messages\/(batches)$/,
    (account, _, { bytes, call }, store) => {
      const { requests } = JSON.parse(bytes.toString('utf8')) as Json;
      if (!Array.isArray(requests) || requests.length === 0 || !requests.every(isObject))
        return bad('requests: expected a list that is not empty');
      const batch = runBatch(requests, { store, number: call.number });
      account.batches.set(String(batch.running.id), batch);
      return found(batch.running);
    },
  ],
  [
    'GET',
    /^\/v1\/messages\/batches\/([^/]+)$/,
    (account, id) => {
      const batch = account.batches.get(id);
      return batch ? found(lookAt(batch)) : null;
    },
  ],
  [
    'GET',
    /^\/v1\/messages\/batches\/([^/]+)\/results$/,
    (account, id) => {
      const batch = account.batches.get(id);
      return batch
        ? { status: 200, json: Buffer.from(linesOf(batch.results)), type: 'application/x-jsonl' }
        : null;
    },
  ],
  [
    'POST',
    /^\/v1\/messages\/batches\/([^/]+)\/cancel$/,
    (account, id) => {
      const batch = account.batches.get(id);
      return batch ? found(cancel(batch, batch.done)) : null;
    },
  ],
  [
    'DELETE',
    /^\/v1\/messages\/batches\/([^/]+)$/,
    (account, id) => {
      const batch = account.batches.get(id);
      if (!batch) return null;
      if (batch.looks >= 0) return bad('The batch is still in progress');
      account.batches.delete(id);
      return found({ id, type: 'message_batch_deleted' });
    },
  ],
];

function readFile(bytes: Buffer): { name: string; type: string; content: Buffer } | null {
  const text = bytes.toString('latin1');
  const boundary = /^--[^\r\n]+/.exec(text)?.[0];
  const name = /name="file"; filename="([^"]*)"/.exec(text);
  if (!boundary || !name) return null;
  const start = text.indexOf('\r\n\r\n', name.index) + 4;
  const type = /content-type: ([^\r\n]+)/i.exec(text.slice(name.index, start))?.[1];
  return {
    name: name[1]!,
    type: type ?? 'application/octet-stream',
    content: bytes.subarray(start, text.indexOf(`\r\n${boundary}`, start)),
  };
}

function runBatch(requests: readonly Json[], work: BatchWork): KeptBatch {
  const results = requests.map((request): Json => {
    const outcome = doCall('/v1/messages', request.params, work);
    const error = failed(outcome) && {
      type: 'error',
      error: { type: 'invalid_request_error', message: outcome.message },
      request_id: null,
    };
    const result = error
      ? { type: 'errored', error }
      : { type: 'succeeded', message: (outcome as { answer: Json }).answer };
    return { custom_id: request.custom_id, result };
  });
  const id = `msgbatch_sim_${work.number}`;
  const counts = { processing: results.length, succeeded: 0, errored: 0, canceled: 0, expired: 0 };
  const running = {
    id,
    type: 'message_batch',
    processing_status: 'in_progress',
    request_counts: counts,
    created_at: new Date().toISOString(),
    expires_at: new Date(Date.now() + 86_400_000).toISOString(),
    ended_at: null,
    cancel_initiated_at: null,
    archived_at: null,
    results_url: null,
  };
  const errored = results.filter(({ result }) => isObject(result) && result.type === 'errored').length;
  const done = {
    ...running,
    processing_status: 'ended',
    request_counts: { ...counts, processing: 0, succeeded: results.length - errored, errored },
    ended_at: new Date().toISOString(),
    results_url: `${vendorUrl}/${id}/results`,
  };
  return { running, done, looks: 1, results };
}
