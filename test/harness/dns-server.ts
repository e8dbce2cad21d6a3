import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { TestContext } from 'node:test';

/** Records of one name and type; `fail` answers with an error instead. */
export interface Zone {
  readonly [nameAndType: string]:
    readonly { readonly ttl: number; readonly data: Buffer }[] | 'SERVFAIL' | 'NXDOMAIN' | 'silence';
}

export interface DnsServer {
  /** `127.0.0.1:port` */
  readonly address: string;
  /** Questions so far, such as `a.test A`. */
  readonly asked: string[];
  zone: Zone;
}

const types: Readonly<Record<number, string>> = { 1: 'A', 28: 'AAAA', 33: 'SRV' };
const codes: Readonly<Record<string, number>> = { SERVFAIL: 2, NXDOMAIN: 3 };

export const a = (address: string, ttl = 1) => ({ ttl, data: Buffer.from(address.split('.').map(Number)) });

export function srv(
  target: string,
  {
    port,
    priority = 0,
    weight = 1,
    ttl = 1,
  }: { port: number; priority?: number; weight?: number; ttl?: number },
) {
  const head = Buffer.alloc(6);
  head.writeUInt16BE(priority, 0);
  head.writeUInt16BE(weight, 2);
  head.writeUInt16BE(port, 4);
  const labels = target.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  return { ttl, data: Buffer.concat([head, ...labels, Buffer.from([0])]) };
}

/** Answers over UDP from a zone that a test changes (RFC 1035 §4). */
export async function startDnsServer(t: TestContext, zone: Zone): Promise<DnsServer> {
  const socket = createSocket('udp4');
  const server: DnsServer = { address: '', asked: [], zone };
  socket.on('message', (query, peer) => {
    const end = query.indexOf(0, 12) + 5;
    const labels: string[] = [];
    for (let at = 12; query[at] !== 0; at += query[at]! + 1)
      labels.push(query.subarray(at + 1, at + 1 + query[at]!).toString());
    const type = query.readUInt16BE(end - 4);
    const question = `${labels.join('.').toLowerCase()} ${types[type] ?? type}`;
    server.asked.push(question);
    const found = server.zone[question] ?? [];
    if (found === 'silence') return;
    const records = typeof found === 'string' ? [] : found;
    const head = Buffer.alloc(12);
    query.copy(head, 0, 0, 2);
    head.writeUInt16BE(0x8580 | (typeof found === 'string' ? codes[found]! : 0), 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(records.length, 6);
    const answers = records.map(({ ttl, data }) => {
      const record = Buffer.alloc(12);
      record.writeUInt16BE(0xc00c, 0);
      record.writeUInt16BE(type, 2);
      record.writeUInt16BE(1, 4);
      record.writeUInt32BE(ttl, 6);
      record.writeUInt16BE(data.length, 10);
      return Buffer.concat([record, data]);
    });
    socket.send(Buffer.concat([head, query.subarray(12, end), ...answers]), peer.port, peer.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  return Object.assign(server, { address: `127.0.0.1:${socket.address().port}` });
}
