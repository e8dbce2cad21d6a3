import type { Account } from './accounts.ts';
import { doCall, failed } from './batches.ts';
import type { BatchWork } from './batches.ts';
import { cancel, linesOf, lookAt } from './kept-batch.ts';
import type { KeptBatch } from './kept-batch.ts';
import { found, keptFiles, linesIn } from './kept-operation.ts';
import type { KeptOperation, KeptReply } from './kept-operation.ts';
import { unfinished } from './kept-responses.ts';
import type { Json } from './shape.ts';
import { renderError } from './vendor-errors.ts';

/** OpenAI's files, stored responses and batches. */
export const openaiKept: readonly KeptOperation[] = [
  [
    'POST',
    /^\/v1\/(files)$/,
    (account, _, { bytes, call }) => {
      const form = readForm(bytes);
      if (!form) return bad('file and purpose are required');
      const file = {
        id: `file-sim-${call.number}`,
        object: 'file',
        bytes: form.content.length,
        created_at: Math.floor(Date.now() / 1000),
        filename: form.name,
        purpose: form.purpose,
        status: 'processed',
      };
      account.files.set(file.id, { file, content: Buffer.from(form.content) });
      return found(file);
    },
  ],
  [
    'GET',
    /^\/v1\/(files)$/,
    (account) =>
      found({ object: 'list', data: [...account.files.values()].map(({ file }) => file), has_more: false }),
  ],
  ...keptFiles({
    typeOf: () => 'application/octet-stream',
    deleted: (id) => ({ id, object: 'file', deleted: true }),
  }),
  [
    'GET',
    /^\/v1\/responses\/([^/]+)$/,
    (account, id) => {
      const kept = account.responses.get(id);
      if (!kept) return null;
      return found(kept.looks-- > 0 ? unfinished(kept.response, 'in_progress') : kept.response);
    },
  ],
  [
    'DELETE',
    /^\/v1\/responses\/([^/]+)$/,
    (account, id) => (account.responses.delete(id) ? found({ id, object: 'response', deleted: true }) : null),
  ],
  [
    'POST',
    /^\/v1\/responses\/([^/]+)\/cancel$/,
    (account, id) => {
      const kept = account.responses.get(id);
      if (!kept) return null;
      kept.response = { ...kept.response, status: 'cancelled' };
      kept.looks = 0;
      return found(kept.response);
    },
  ],
  [
    'GET',
    /^\/v1\/responses\/([^/]+)\/input_items$/,
    (account, id) => {
      const data = account.responses.get(id)?.input;
      if (!data) return null;
      return found({
        object: 'list',
        data,
        first_id: data[0]?.id,
        last_id: data.at(-1)?.id,
        has_more: false,
      });
    },
  ],
  [
    'POST',
    /^\/v1\/(batches)$/,
    (account, _, { bytes, call }, store) => {
      const body = JSON.parse(bytes.toString('utf8')) as Json;
      const lines = linesIn(account, body.input_file_id);
      if (!lines) return bad(`No usable file: ${String(body.input_file_id)}`);
      if (lines.some(({ url }) => url !== body.endpoint)) return bad('mismatched_endpoint');
      const kept = runBatch(body, lines, { store, number: call.number });
      const output = `file-sim-out-${call.number}`;
      keepFile(account, output, {
        name: 'output.jsonl',
        purpose: 'batch_output',
        content: linesOf(kept.results),
      });
      kept.done = { ...kept.done, output_file_id: output };
      account.batches.set(String(kept.running.id), kept);
      return found({ ...kept.running, status: 'validating' });
    },
  ],
  [
    'GET',
    /^\/v1\/(batches)$/,
    (account) =>
      found({
        object: 'list',
        data: [...account.batches.values()].map(({ running }) => running),
        has_more: false,
      }),
  ],
  [
    'GET',
    /^\/v1\/batches\/([^/]+)$/,
    (account, id) => {
      const batch = account.batches.get(id);
      return batch ? found(lookAt(batch)) : null;
    },
  ],
  [
    'POST',
    /^\/v1\/batches\/([^/]+)\/cancel$/,
    (account, id) => {
      const batch = account.batches.get(id);
      return batch
        ? found(cancel(batch, { ...batch.done, status: 'cancelled', cancelled_at: nowS() }))
        : null;
    },
  ],
];

/** A form's first file, and its purpose. */
export function readForm(bytes: Buffer): { name: string; purpose: string; content: Buffer } | null {
  const text = bytes.toString('latin1');
  const boundary = /^--[^\r\n]+/.exec(text)?.[0];
  const name = /name="file"; filename="([^"]*)"/.exec(text);
  const purpose = /name="purpose"\r\n\r\n([^\r\n]*)/.exec(text)?.[1];
  if (!boundary || !name || !purpose) return null;
  const start = text.indexOf('\r\n\r\n', name.index) + 4;
  const content = bytes.subarray(start, text.indexOf(`\r\n${boundary}`, start));
  return { name: Buffer.from(name[1]!, 'latin1').toString('utf8'), purpose, content };
}

const bad = (message: string): KeptReply => ({
  status: 400,
  json: renderError('openai', { status: 400, message }, 'bad'),
});

const nowS = (): number => Math.floor(Date.now() / 1000);

function keepFile(
  account: Account,
  id: string,
  { name, purpose, content }: { name: string; purpose: string; content: string },
): void {
  const bytes = Buffer.from(content);
  const file = {
    id,
    object: 'file',
    bytes: bytes.length,
    created_at: nowS(),
    filename: name,
    purpose,
    status: 'processed',
  };
  account.files.set(id, { file, content: bytes });
}

function runBatch(body: Json, lines: readonly Json[], work: BatchWork): KeptBatch {
  const results = lines.map((line, at): Json => {
    const outcome = doCall(String(line.url), line.body, work);
    const status = failed(outcome) ? outcome.status : 200;
    const said = failed(outcome) ? { error: { message: outcome.message } } : outcome.answer;
    return {
      id: `batch_req_sim_${work.number}_${at}`,
      custom_id: line.custom_id,
      response: { status_code: status, request_id: `req_sim_${work.number}_${at}`, body: said },
      error: null,
    };
  });
  const running = {
    id: `batch_sim_${work.number}`,
    object: 'batch',
    endpoint: body.endpoint,
    input_file_id: body.input_file_id,
    completion_window: body.completion_window,
    metadata: body.metadata ?? null,
    status: 'in_progress',
    created_at: nowS(),
    expires_at: nowS() + 86_400,
    request_counts: { total: results.length, completed: 0, failed: 0 },
  };
  return { running, done: { ...running, status: 'completed', completed_at: nowS() }, looks: 1, results };
}
