// Reads the answer to CONNECT (or HEAD) with Node's own parser; no parser of ours (notes: T7 to T11 of the proxy layer).
//
// The parser works on a facade, never on the socket: what it writes goes through, what the socket says is pushed in,
// and when it has the head, every byte behind it goes back to the socket. So interim responses, bytes glued behind a
// 200 and error bodies are all handled, and the socket carries no listener of the parser afterwards.

import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { RequestLine } from '#proxy/auth/schemes/scheme.ts';
import { isTlsRecord, TLS_RECORD } from '#proxy/auth/verdict.ts';
import type { StepEnd } from '#proxy/bounded-step.ts';
import type { ResponseHead } from '#proxy/route.ts';
import { HEAD_LIMIT_BYTES, HeadReader } from './head-reader.ts';

/** Interim responses that are read over before an answer (RFC 9110, 15.2 sets no limit; Node would take 50,000). */
export const MAX_INTERIM = 32;
/** How a status line begins. */
const HTTP_LINE = /^[\r\n]*HTTP\/\d/;
/** So much of what was not HTTP is kept to be shown. */
const SHOWN_BYTES = 80;

const SWITCHING_PROTOCOLS = 101;

/** How the answer came out, when it was one. */
export type ConnectAnswer =
  | { readonly kind: 'answered'; readonly head: ResponseHead; readonly version: string }
  /** It speaks something else; `tls` when what it said is a TLS record. */
  | { readonly kind: 'not-http'; readonly answer: string; readonly tls: boolean }
  /** It speaks HTTP and breaks its rules: the first line, and what the parser says. */
  | { readonly kind: 'broken'; readonly answer: string; readonly reason: string }
  | { readonly kind: 'too-many-interim' }
  | { readonly kind: 'closed'; readonly reason: string };

/**
 * Sends a request whose answer is a head alone, CONNECT or HEAD, and reads it; the bytes behind the head are back in the
 * socket then. Returns its clean-up.
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
      // Also for HEAD: behind the answer to CONNECT the parser frames nothing and hands the bytes back.
      method: 'CONNECT',
      path: line.target,
      headers,
      setHost: false,
      maxHeaderSize: HEAD_LIMIT_BYTES,
      createConnection,
    });
    // Node would drop fields above its own limit without a word; the head reader refuses them.
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
    // The parser takes an interim response for the end. The next one reads on, and its own CONNECT goes nowhere.
    facade.destroy();
    facade = openFacade(() => {});
    parse();
    if (rest.length > 0) facade.push(rest);
    if (socket.readableEnded) facade.push(null);
  };
  const unlisten = pump(socket, {
    onBytes(chunk) {
      if (firstBytes.length < SHOWN_BYTES) firstBytes += chunk.toString('latin1', 0, SHOWN_BYTES);
      // In one piece: once the parser has the final head, only what it was given with it goes back into the socket.
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
  /** Whether it came whole and its end was framed, so that the connection stands at the next answer. */
  readonly complete: boolean;
}

/**
 * Collects the body that follows the head of a refusal, framed by Node's parser (as the answer to a GET: behind CONNECT
 * it frames nothing). Calls back once, with at most `limit` bytes, as soon as so many came, framing and all, or the body is
 * over. A body of tiny chunks costs the parser a call for each: what is left of them then is not looked at.
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
 * Hands on what a socket says, from what it holds already to its end. By 'readable' and not 'data': taking that listener
 * off leaves the socket as if nobody had read, so that whoever comes next can listen in the ordinary way.
 */
export function pump(
  socket: Socket,
  to: { onBytes: (chunk: Buffer) => void; onEnd: () => void; onBroken: (reason: string) => void },
): () => void {
  let listening = true;
  const onReadable = () => {
    // Whoever stops us in the middle has put bytes back: they are not ours any more.
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
  // The parser's own listeners go with its request; what comes after is of no interest.
  facade.on('error', () => {});
  return facade;
}

/** Bytes that were pushed into the facade and that the parser has not taken. */
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

/** What spoke: a proxy that breaks HTTP, or something else, told by its first line or what its bytes are known by. */
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
