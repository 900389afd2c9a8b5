// A small ICAP server (RFC 3507) for a real Squid that behaves like a slow scanner. It changes no response. It delays
// archives in the configured manner, and passes everything else on at once.

import { createServer, type Socket } from 'node:net';
import { listenOnLoopback } from './loopback.ts';

/** How archives are passed on. A scanner that answers only after it has everything is not included: Squid 5.7 stalls on it. */
export type ScanManner = 'trickle' | 'early-headers' | 'never' | 'block';

export interface IcapServer {
  /** Lines of squid.conf that have every response scanned here. */
  readonly conf: readonly string[];
  /** Archives that were scanned. */
  readonly scanned: () => number;
  close(): Promise<void>;
}

const DRIP_MS = 20;
const FIRST_BYTES = 1_024;

/** Starts it; an archive is held for `holdMs`. */
export async function startIcap(manner: ScanManner, holdMs: number): Promise<IcapServer> {
  let scanned = 0;
  const server = createServer((socket) => {
    let pending = Buffer.alloc(0);
    let answering: Answer | null = null;
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      for (;;) {
        if (answering === null) {
          const asked = readHead(pending);
          if (asked === null) return;
          pending = pending.subarray(asked.length);
          if (asked.method === 'OPTIONS') {
            socket.write(OPTIONS);
            continue;
          }
          if (asked.isEmpty) {
            socket.write(unchanged(asked.response, 'null-body'));
            continue;
          }
          const isArchive = /content-type: application\/(?:octet-stream|java-archive)/i.test(asked.response);
          if (isArchive) scanned += 1;
          answering = new Answer(socket, asked.response, isArchive ? { manner, holdMs } : null);
        }
        const body = readBody(pending);
        if (body === null) return;
        pending = pending.subarray(body.length);
        answering.give(body.content);
        answering = null;
      }
    });
  });
  const { port, close } = await listenOnLoopback(server);
  return {
    conf: [
      'icap_enable on',
      'icap_preview_enable off',
      `icap_service scanner respmod_precache icap://127.0.0.1:${port}/scan bypass=off`,
      'adaptation_access scanner allow all',
    ],
    scanned: () => scanned,
    close,
  };
}

const OPTIONS =
  'ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nISTag: "sallyport"\r\nService: a test\r\nMax-Connections: 100\r\n' +
  'Options-TTL: 3600\r\nAllow: 204\r\nEncapsulated: null-body=0\r\n\r\n';

/** What c-icap's virus_scan says, and ClamAV's name of the test file. */
const VERDICT_PAGE =
  '<html><head><title>VIRUS FOUND</title></head><body><h1>VIRUS FOUND</h1>You tried to download a file that contains ' +
  'the virus: <b>Eicar-Test-Signature</b></body></html>';
const VERDICT =
  'HTTP/1.1 403 Forbidden\r\nServer: C-ICAP\r\nContent-Type: text/html\r\nVia: ICAP/1.0 scanner (C-ICAP/0.5.10 Antivirus service)\r\n' +
  'X-Virus-ID: Eicar-Test-Signature\r\nX-Infection-Found: Type=0; Resolution=2; Threat=Eicar-Test-Signature;\r\n\r\n';

/** The head of an answer that leaves the response as it is (RFC 3507, 4.4.1). */
function unchanged(response: string, body: 'res-body' | 'null-body'): string {
  return `ICAP/1.0 200 OK\r\nISTag: "sallyport"\r\nEncapsulated: res-hdr=0, ${body}=${response.length}\r\n\r\n${response}`;
}

/** One response. Its head may be sent before the body has arrived, so that Squid continues reading. */
class Answer {
  readonly #socket: Socket;
  readonly #scan: { readonly manner: ScanManner; readonly holdMs: number } | null;

  constructor(socket: Socket, response: string, scan: { manner: ScanManner; holdMs: number } | null) {
    this.#socket = socket;
    this.#scan = scan;
    if (scan?.manner === 'never' || scan?.manner === 'block') return;
    socket.write(unchanged(response, 'res-body'));
  }

  give(content: Buffer): void {
    if (this.#scan === null) {
      this.#end(content);
      return;
    }
    const { manner, holdMs } = this.#scan;
    if (manner === 'never') return;
    if (manner === 'block') {
      this.#socket.write(
        `ICAP/1.0 200 OK\r\nISTag: "sallyport"\r\nEncapsulated: res-hdr=0, res-body=${VERDICT.length}\r\n\r\n${VERDICT}`,
      );
      this.#end(Buffer.from(VERDICT_PAGE));
      return;
    }
    let at = manner === 'trickle' ? FIRST_BYTES : 0;
    this.#chunk(content.subarray(0, at));
    const drip = setInterval(() => {
      if (manner !== 'trickle' || at >= content.length) return;
      this.#chunk(content.subarray(at, at + 1));
      at += 1;
    }, DRIP_MS);
    const scanned = setTimeout(() => {
      clearInterval(drip);
      this.#end(content.subarray(at));
    }, holdMs);
    this.#socket.once('close', () => {
      clearInterval(drip);
      clearTimeout(scanned);
    });
  }

  #chunk(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#socket.write(`${bytes.length.toString(16)}\r\n`);
    this.#socket.write(bytes);
    this.#socket.write('\r\n');
  }

  #end(bytes: Buffer): void {
    this.#chunk(bytes);
    this.#socket.write('0\r\n\r\n');
  }
}

/** The ICAP head and the HTTP head of the response in it, once all of them are there. */
function readHead(bytes: Buffer): { method: string; response: string; length: number; isEmpty: boolean } | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const head = bytes.toString('latin1', 0, end + 4);
  const method = head.slice(0, head.indexOf(' '));
  if (method === 'OPTIONS') return { method, response: '', length: end + 4, isEmpty: true };
  // A response to HEAD has no body.
  const [, from = '', body = '', to = ''] = /res-hdr=(\d+), (res|null)-body=(\d+)/i.exec(head) ?? [];
  const [responseAt, bodyAt] = [Number(from), Number(to)];
  const length = end + 4 + bodyAt;
  if (bytes.length < length) return null;
  const response = bytes.toString('latin1', end + 4 + responseAt, length);
  return { method, response, length, isEmpty: body !== 'res' };
}

/** A chunked body, once it is whole. */
function readBody(bytes: Buffer): { content: Buffer; length: number } | null {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\r\n', at);
    if (end === -1) return null;
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16);
    if (!(size >= 0)) throw new Error(`not the size of a chunk: ${bytes.toString('latin1', at, end)}`);
    if (bytes.length < end + 2 + size + 2) return null;
    at = end + 2 + size + 2;
    if (size === 0) return { content: Buffer.concat(parts), length: at };
    parts.push(bytes.subarray(end + 2, end + 2 + size));
  }
}
