/**
 * A name server for tests on its own loopback address, because its port is always 53. It knows a few names, answers that all
 * others do not exist, and records the queries. Needs root.
 */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

export interface DnsServer {
  readonly address: string;
  /** Names in the order in which they were asked for, each as often as it was. A test may take them away. */
  readonly asked: string[];
  close(): void;
}

const PORT = 53;
const HEAD_BYTES = 12;
const TYPE_A = 1;
const NO_SUCH_NAME = 3;

/** `names` lead to 127.0.0.1. */
export async function startDnsServer(names: readonly string[]): Promise<DnsServer> {
  const address = `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}`;
  const asked: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const { name, end } = nameIn(query);
    asked.push(name);
    socket.send(answerTo(query, end, names.includes(name)), from.port, from.address);
  });
  socket.bind(PORT, address);
  await once(socket, 'listening');
  return { address, asked, close: () => socket.close() };
}

/** RFC 1035, 4.1.2: labels with their length, an empty one at the end. */
function nameIn(query: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = HEAD_BYTES;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

/** Repeats the question; an address for A, nothing for the rest. */
function answerTo(query: Buffer, end: number, known: boolean): Buffer {
  const question = query.subarray(0, end + 4);
  const isAddress = known && query.readUInt16BE(end) === TYPE_A;
  const answer = Buffer.from(question);
  answer.writeUInt16BE(0x8180 | (known ? 0 : NO_SUCH_NAME), 2);
  answer.writeUInt16BE(isAddress ? 1 : 0, 6);
  answer.fill(0, 8, HEAD_BYTES);
  if (!isAddress) return answer;
  // A pointer to the name, A, IN, a minute, four bytes.
  return Buffer.concat([answer, Buffer.from([0xc0, HEAD_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1])]);
}
