import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConnectAnswer, requestHead } from '#proxy/opening/connect-answer.ts';

/** Says the pieces one by one, each in a packet of its own as far as the machine lets it, and closes. */
let server: Server;
let script: readonly Buffer[] = [];
beforeAll(async () => {
  server = createServer((client) => {
    client.on('error', () => {});
    client.setNoDelay(true);
    client.once('data', () => sayAll(client, script));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => server.close());

function sayAll(client: Socket, pieces: readonly Buffer[]): void {
  const [first, ...rest] = pieces;
  if (first === undefined) client.end();
  else client.write(first, () => setImmediate(() => sayAll(client, rest)));
}

async function ask(pieces: readonly Buffer[]): Promise<{ answer: ConnectAnswer; behind: string }> {
  script = pieces;
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  let stop = () => {};
  const answer = await new Promise<ConnectAnswer>((resolve) => {
    const line = { method: 'CONNECT', target: 'u.example:443' };
    stop = requestHead(socket, { line, headers: { Host: 'u.example:443' } }, { done: resolve });
  });
  stop();
  let behind = '';
  if (answer.kind === 'answered') {
    socket.on('data', (chunk: Buffer) => {
      behind += chunk.toString('latin1');
    });
    await new Promise((resolve) => socket.on('close', resolve));
  }
  socket.destroy();
  return { answer, behind };
}

/** The text cut at the given places. */
function cut(text: string, places: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text, 'latin1');
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...ends, bytes.length]
    .map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end))
    .filter((piece) => piece.length > 0);
}

const places = fc.array(fc.nat(), { maxLength: 4 });

describe('the answer to CONNECT', () => {
  it('the response to CONNECT: chunk sizes do not matter, and bytes after its head stay readable', async () => {
    const interims = fc.array(fc.constantFrom('HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 E\r\nLink: <x>\r\n\r\n'), {
      maxLength: 3,
    });
    const behinds = fc.stringMatching(/^[ -~\r\n]{0,40}$/);
    const heads = fc.constantFrom(
      ['HTTP/1.1 200 Connection established\r\n\r\n', 200],
      ['HTTP/1.0 200 OK\r\nProxy-agent: x\r\n\r\n', 200],
      ['HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: x\r\n\r\n', 200],
      ['HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 9\r\n\r\n', 407],
      ['HTTP/1.1 503 Gone\r\n\r\n', 503],
    );
    await fc.assert(
      fc.asyncProperty(interims, heads, behinds, places, async (interim, [head, status], behind, at) => {
        const said = await ask(cut(`${interim.join('')}${head}${behind}`, at));
        expect(said.answer).toMatchObject({ kind: 'answered', head: { status } });
        expect(said.behind).toBe(behind);
      }),
      { numRuns: 60 },
    );
  });

  it('ends on any hostile input', async () => {
    const pieces = fc.constantFrom(
      'HTTP/1.1 ',
      '200',
      ' OK',
      '\r\n',
      '\n',
      ':',
      'X: ',
      '\u0000',
      '\u001b[2K',
      '99999',
      '1',
    );
    const hostile = fc.oneof(
      fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join('')),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    );
    await fc.assert(
      fc.asyncProperty(hostile, places, async (text, at) => {
        const { answer } = await ask(cut(text, at));
        expect(answer.kind).toMatch(/^(answered|not-http|broken|closed|too-many-interim)$/);
      }),
      { numRuns: 100 },
    );
  });
});
