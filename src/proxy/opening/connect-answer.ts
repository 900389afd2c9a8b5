// Reads the response to CONNECT (or HEAD) with Node's own parser.
//
// The parser gets a replacement for the socket. Its writes go to the real socket, and bytes of the real socket are
// pushed into it. When the parser has the head, every later byte is put back into the real socket. This handles interim
// responses, bytes that arrive together with a 200, and error bodies. Afterwards the socket has no listener of the
// parser.

import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { RequestLine } from '#proxy/auth/schemes/scheme.ts';
import { isTlsRecord, TLS_RECORD } from '#proxy/auth/verdict.ts';
import type { StepEnd } from '#proxy/bounded-step.ts';
import type { ResponseHead } from '#proxy/route.ts';
import { HEAD_LIMIT_BYTES, HeadReader } from './head-reader.ts';

/**
 * Maximum number of interim responses before the final one (RFC 9110, 15.2 sets no limit; Node would accept 50,000).
 */
export const MAX_INTERIM = 32;
/** The beginning of a status line. */
const HTTP_LINE = /^[\r\n]*HTTP\/\d/;
/** Maximum number of bytes of a non-HTTP answer that are kept for the failure. */
const SHOWN_BYTES = 80;

const SWITCHING_PROTOCOLS = 101;

/** The result of reading the response. */
export type ConnectAnswer =
  | { readonly kind: 'answered'; readonly head: ResponseHead; readonly version: string }
  /** The peer speaks another protocol; `tls` is true if its answer is a TLS record. */
  | { readonly kind: 'not-http'; readonly answer: string; readonly tls: boolean }
  /** The peer speaks invalid HTTP: the first line, and the parser's reason. */
  | { readonly kind: 'broken'; readonly answer: string; readonly reason: string }
  | { readonly kind: 'too-many-interim' }
  | { readonly kind: 'closed'; readonly reason: string };

/**
 * Sends a CONNECT or HEAD request and reads the head of the response. Bytes after the head are then back in the socket.
 * Returns its clean-up.
 */
export function requestHead(
  socket: Socket,
  sent: { readonly line: RequestLine; readonly headers: Readonly<Record<string, string>> },
  end: Pick<StepEnd<ConnectAnswer>, 'done'>,
): () => void {
  const { line, headers } = sent;
  let facade = openFacade((chunk) => socket.write(withMethod(line.method, chunk)));
  let interim = 0;
  let firstBytes = '';
  const heads = new HeadReader({ toConnect: line.method === 'CONNECT' });

  const parse = () => {
    const createConnection = () => facade;
    const asking = request({
      // CONNECT even for HEAD: after a response to CONNECT the parser frames no body and returns the bytes.
      method: 'CONNECT',
      path: line.target,
      headers,
      setHost: false,
      maxHeaderSize: HEAD_LIMIT_BYTES,
      createConnection,
    });
    // Node would silently drop fields above its own limit; the head reader refuses them.
    asking.maxHeadersCount = 0;
    asking.once('connect', (message: IncomingMessage, _facade: Duplex, behind: Buffer) => {
      onHead(message, Buffer.concat([behind, ...drain(facade)]));
    });
    asking.on('error', (error: NodeJS.ErrnoException & { reason?: string }) => {
      const { code = '', reason = error.message } = error;
      if (code.startsWith('HPE_')) end.done(unreadable(`${code}: ${reason}`, firstBytes));
      else
        end.done({
          kind: 'closed',
          reason: firstBytes === '' ? 'without sending anything' : 'in the middle of its response',
        });
    });
    asking.end();
  };
  const onHead = (message: IncomingMessage, rest: Buffer) => {
    const { statusCode: status = 0, statusMessage: reason = '', rawHeaders, httpVersion: version } = message;
    if (status >= 200 || status === SWITCHING_PROTOCOLS) {
      stop();
      if (rest.length > 0) socket.unshift(rest);
      end.done({ kind: 'answered', head: { status, reason, rawHeaders }, version });
      return;
    }
    interim += 1;
    if (interim > MAX_INTERIM) {
      end.done({ kind: 'too-many-interim' });
      return;
    }
    // The parser treats an interim response as the end. The next parser reads on, and its own CONNECT is discarded.
    facade.destroy();
    facade = openFacade(() => {});
    parse();
    if (rest.length > 0) facade.push(rest);
    if (socket.readableEnded) facade.push(null);
  };
  const unlisten = pump(socket, {
    onBytes(chunk) {
      if (firstBytes.length < SHOWN_BYTES) firstBytes += chunk.toString('latin1', 0, SHOWN_BYTES);
      // Pushed as one chunk: once the parser has the final head, it returns to the socket only what came in the same
      // chunk.
      const { bytes, refused } = heads.readThrough(chunk);
      if (refused !== null) end.done(unreadable(refused, firstBytes));
      else if (bytes.length > 0) facade.push(bytes);
    },
    onEnd: () => facade.push(null),
    onBroken: (reason) => end.done({ kind: 'closed', reason }),
  });
  const stop = () => {
    unlisten();
    facade.destroy();
  };
  parse();
  return stop;
}

function withMethod(method: string, chunk: Buffer): Buffer {
  const written = 'CONNECT ';
  if (method === 'CONNECT' || chunk.toString('latin1', 0, written.length) !== written) return chunk;
  return Buffer.concat([Buffer.from(`${method} `, 'latin1'), chunk.subarray(written.length)]);
}

/** The body of a refusal. */
export interface CollectedBody {
  readonly bytes: Buffer;
  /** Whether the body is complete and framed, so that the next response follows on the connection. */
  readonly complete: boolean;
}

/**
 * Collects the body of a refusal, framed by Node's parser as a response to GET (after CONNECT it frames no body). Calls
 * back once, with at most `limit` bytes, when the body ends or that many bytes have come, including framing. The limit
 * includes framing because a body of tiny chunks costs one parser call each; remaining bytes are then ignored.
 */
export function collectBody(
  socket: Socket,
  head: ResponseHead,
  collect: { limit: number; done: (body: CollectedBody) => void },
) {
  const chunks: Buffer[] = [];
  let taken = 0;
  let over = false;
  const finish = (complete: boolean) => {
    if (over) return;
    over = true;
    collect.done({ bytes: Buffer.concat(chunks).subarray(0, collect.limit), complete });
  };
  const facade = openFacade(() => {});
  const asking = request({
    method: 'GET',
    setHost: false,
    maxHeaderSize: HEAD_LIMIT_BYTES,
    createConnection: () => facade,
  });
  asking.on('error', () => finish(false));
  asking.once('response', (message: IncomingMessage) => {
    message.on('data', (chunk: Buffer) => {
      if (!over) chunks.push(chunk);
    });
    message.once('end', () => finish(message.complete && !socket.readableEnded));
    message.on('error', () => finish(false));
  });
  asking.end();
  facade.push(Buffer.from(headText(head), 'latin1'));
  const unlisten = pump(socket, {
    onBytes(chunk) {
      taken += chunk.length;
      facade.push(chunk);
      if (taken >= collect.limit) finish(false);
    },
    onEnd: () => facade.push(null),
    onBroken: () => finish(false),
  });
  return () => {
    unlisten();
    facade.destroy();
  };
}

/**
 * Passes on all bytes of a socket, from those it has buffered to its end. Uses 'readable' rather than 'data': removing
 * that listener leaves the socket as if it had not been read, so that the next user can listen normally.
 */
export function pump(
  socket: Socket,
  to: { onBytes: (chunk: Buffer) => void; onEnd: () => void; onBroken: (reason: string) => void },
): () => void {
  let listening = true;
  const onReadable = () => {
    // A listener that stops the pump has put bytes back, which must not be read here.
    while (listening) {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      to.onBytes(chunk);
    }
  };
  const onError = ({ code }: NodeJS.ErrnoException) => to.onBroken(code ?? 'the connection broke');
  const onClose = () => {
    if (!socket.readableEnded) to.onBroken('the connection broke');
  };
  socket.on('readable', onReadable);
  socket.on('end', to.onEnd);
  socket.on('error', onError);
  socket.on('close', onClose);
  if (socket.readableEnded) to.onEnd();
  return () => {
    listening = false;
    socket.off('readable', onReadable);
    socket.off('end', to.onEnd);
    socket.off('error', onError);
    socket.off('close', onClose);
  };
}

function openFacade(write: (chunk: Buffer) => void): Duplex {
  const facade = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, written) {
      write(chunk);
      written();
    },
  });
  // The parser's own listeners are removed with its request; later errors do not matter.
  facade.on('error', () => {});
  return facade;
}

/** Bytes in the facade that the parser has not read. */
function drain(facade: Duplex): Buffer[] {
  const chunks: Buffer[] = [];
  for (let chunk = facade.read() as Buffer | null; chunk !== null; chunk = facade.read() as Buffer | null) {
    chunks.push(chunk);
  }
  return chunks;
}

function headText({ status, rawHeaders }: ResponseHead): string {
  let text = `HTTP/1.1 ${status} -\r\n`;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  return `${text}\r\n`;
}

/**
 * Classifies an unreadable answer: a proxy with invalid HTTP, or another protocol, identified by its first line or
 * bytes.
 */
function unreadable(reason: string, firstBytes: string): Extract<ConnectAnswer, { kind: 'broken' | 'not-http' }> {
  if (isTlsRecord(Buffer.from(firstBytes, 'latin1'))) return { kind: 'not-http', answer: TLS_RECORD, tls: true };
  const answer =
    firstBytes
      .replace(/^[\r\n]+/, '')
      .split(/[\r\n]/, 1)[0]
      ?.slice(0, SHOWN_BYTES) ?? '';
  if (HTTP_LINE.test(firstBytes)) return { kind: 'broken', answer, reason };
  return { kind: 'not-http', answer: answer || reason, tls: false };
}
