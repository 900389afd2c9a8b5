// The socket on which programs submit documents: `submit.sock`, for members of the group sallyport-submit.
//
// Guarantees: status 200 is sent only after the documents are durable. After any other response, no document was
// accepted. Bodies are streamed. No user can fill the spool alone. A client that sends nothing for ten minutes is
// disconnected. A full spool or disk is logged at most every ten minutes. If the socket cannot be created, this is
// tried again every minute. File permissions decide who can connect, and SO_PEERCRED identifies the user.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { basename } from 'node:path';
import type { OpenTo, SocketServer } from '#control/socket-server.ts';
import { serveSocket } from '#control/socket-server.ts';
import { SUBMIT_PATH } from '#control/submit.ts';
import { wireError } from '#control/wire-error.ts';
import type { Code } from '#errors/catalogue.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { ScopedReport } from '#logging/scoped.ts';
import { type Redactor, redactDeep } from '#redaction/redact.ts';
import type { Documents } from '#spool/segments/documents.ts';
import type { Clock, Timer } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { peerOf } from '#system/network/peer.ts';
import { groupNumber } from '#system/process/group.ts';
import type { DocumentRules } from '#uploads/analytics/documents.ts';
import { documentsOf, SubmissionRefused } from '#uploads/analytics/submission.ts';
import type { UserShares } from '#uploads/analytics/user-shares.ts';

/** The group that the installation makes. Without it, the group of the service may connect. */
const GROUP = 'sallyport-submit';
const HEAD_MS = 10_000;
/** A program may wait for its own input between two documents. */
const SILENCE_MS = 600_000;
/** How long the rest of a refused submission is read, so that its sender gets the response. */
const LINGER_MS = 10_000;
const AGAIN_MS = 60_000;
const FULL_EVERY_MS = 600_000;
/** For a user that the kernel does not report. */
const UNKNOWN_USER = 65_534;

export interface SubmitPorts {
  readonly path: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly report: ScopedReport;
  readonly redactor: Redactor;
  readonly documents: Pick<Documents, 'append'>;
  readonly shares: UserShares;
  rules(): DocumentRules;
}

export class SubmitSocket {
  readonly #ports: SubmitPorts;
  #server: SocketServer | null = null;
  #timer: Timer | null = null;
  #isStopped = false;
  #fullAtMs = Number.NEGATIVE_INFINITY;
  /** Submissions that are not answered yet. */
  readonly #running = new Set<Promise<void>>();

  constructor(ports: SubmitPorts) {
    this.#ports = ports;
  }

  /** Listens, or reports why it cannot and tries again later. */
  async start(): Promise<void> {
    const { path, report, clock } = this.#ports;
    try {
      this.#server = await this.#listen();
      report({ name: 'submit-listening', path });
    } catch (thrown) {
      report({ name: 'submit-unusable', error: asCoded(thrown) });
      if (!this.#isStopped) this.#timer = clock.after(AGAIN_MS, () => void this.start());
    }
    if (this.#isStopped) await this.#server?.close();
  }

  /** Refuses what is not accepted yet. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#server?.close();
    await Promise.all(this.#running);
  }

  async #listen(): Promise<SocketServer> {
    const { path, files } = this.#ports;
    const onRequest = (incoming: IncomingMessage, response: ServerResponse) => {
      const answered = this.#answer(incoming, response).catch(() => void response.destroy());
      this.#running.add(answered);
      void answered.finally(() => this.#running.delete(answered));
    };
    const serve = (openTo: OpenTo) =>
      serveSocket(path, { files, openTo, limits: { headMs: HEAD_MS, requestMs: 0 }, peerOf, onRequest });
    const group = await groupNumber(GROUP);
    if (group === null) return await serve('group');
    try {
      return await serve({ group });
    } catch (thrown) {
      // This process is not a member: it is not the service, although the group exists on this host.
      if (asCoded(thrown).facts['errno'] !== 'EPERM') throw thrown;
      return await serve('group');
    }
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const user = (await peerOf(incoming.socket))?.uid ?? UNKNOWN_USER;
    incoming.socket.setTimeout(SILENCE_MS, () => incoming.socket.destroy());
    // A sender that leaves early ends its submission, and the error must have a listener.
    incoming.on('error', () => undefined);
    if (incoming.method !== 'POST' || incoming.url !== SUBMIT_PATH) {
      return await this.#finish(incoming, response, { status: 404, body: { error: 'no such request' } });
    }
    try {
      const accepted = await this.#accept(incoming, user);
      this.#ports.report({ name: 'documents-submitted', ...accepted, user });
      await this.#finish(incoming, response, { status: 200, body: accepted });
    } catch (thrown) {
      if (incoming.errored !== null) return;
      await this.#finish(incoming, response, this.#refuse(thrown, user));
    }
  }

  async #accept(incoming: IncomingMessage, user: number) {
    const { documents, shares, rules } = this.#ports;
    const source = documentsOf(this.#boundedBody(incoming, user), rules());
    const accepted = await documents.append({ documents: source });
    shares.count(user, accepted.bytes);
    return accepted;
  }

  /** The body, as long as its user has a share left. @throws CodedError SPOOL-SHARE */
  async *#boundedBody(incoming: IncomingMessage, user: number): AsyncGenerator<Uint8Array, void, undefined> {
    let bytes = 0;
    // Ending early must not destroy the connection, over which the refusal is sent.
    for await (const chunk of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      const refusal = this.#ports.shares.refusal(user, bytes);
      if (refusal !== null) throw refusal;
      yield chunk;
    }
    if (!incoming.complete) throw coded('INTERRUPTED', { reason: 'the sender went away' });
  }

  #refuse(thrown: unknown, user: number): Answer {
    const { report } = this.#ports;
    if (thrown instanceof SubmissionRefused) {
      const error = thrown.coded(basename(this.#ports.path));
      report({ name: 'documents-invalid', user, error });
      return { status: 422, body: { error: wireError(error), wrong: thrown.wrong, wrong_count: thrown.wrongCount } };
    }
    const error = asCoded(thrown);
    if (FULL.has(error.code)) this.#reportFull(error);
    else report({ name: 'fault', error });
    return { status: FULL.has(error.code) ? 507 : 500, body: { error: wireError(error) } };
  }

  #reportFull(error: CodedError): void {
    const now = this.#ports.clock.monotonic();
    if (now - this.#fullAtMs < FULL_EVERY_MS) return;
    this.#fullAtMs = now;
    this.#ports.report({ name: 'documents-full', error });
  }

  /** Sends the response, then reads the rest of the request, so that the response is not lost. */
  async #finish(incoming: IncomingMessage, response: ServerResponse, { status, body }: Answer): Promise<void> {
    const { clock, redactor } = this.#ports;
    response.on('error', () => undefined);
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
    response.write(JSON.stringify(redactDeep(body, redactor)));
    if (!incoming.complete && !incoming.destroyed) {
      const timer = clock.after(LINGER_MS, () => incoming.socket.destroy());
      await new Promise<void>((resolve) => {
        for (const event of ['end', 'close', 'error']) incoming.once(event, () => resolve());
        incoming.resume();
      });
      timer.cancel();
    }
    response.end();
  }
}

interface Answer {
  readonly status: number;
  readonly body: object;
}

/** The submission can be repeated later. */
const FULL: ReadonlySet<Code> = new Set<Code>(['SPOOL-FULL', 'SPOOL-SHARE', 'DISK-FULL']);
