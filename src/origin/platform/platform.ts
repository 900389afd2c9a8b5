// The platform of the reference server: the links to its agents, and their activation (docs/protocol-platform.md).
//
// Guarantees: it writes only to its own folder, which other users cannot read. Commands, results and activations
// survive a crash. Relies on only one server using the folder.

import { randomUUID } from 'node:crypto';
import { EventLog } from '#origin/event-log.ts';
import { type JsonReply, problemOf, refuse, type ServedExchange, sendReply } from '#origin/reply.ts';
import { readBody } from '#origin/small-body.ts';
import { agentOf } from '#origin/uploads/upload-headers.ts';
import { wait } from '#system/clock.ts';
import { utcTime } from '#system/moment.ts';
import { ownFolder } from '#system/own-folder.ts';
import { fleetFile, licensesFile } from './folder.ts';
import { Activations } from './licenses/activations.ts';
import { LicenseBook, type LicenseKey } from './licenses/license-book.ts';
import type { KeyTerms } from './licenses/new-keys.ts';
import { FaultSwitches } from './link/faults.ts';
import { type AgentRecord, Fleet } from './link/fleet.ts';
import { PollLinks } from './link/poll.ts';
import { Sessions } from './link/sessions.ts';
import { refuseUpgrade, type Upgrade, WebSocketLinks } from './link/websocket.ts';
import { MAX_LINK_MESSAGE_BYTES, type PushedCommand } from './link/wire.ts';
import type { OpenedPlatform, PlatformOptions } from './platform-parts.ts';
import { RequestSignatures, readPublicKey, type SignatureCheck } from './signatures/request-signatures.ts';
import { type VendorControls, VendorOperations } from './vendor-operations.ts';

export const LINK_PATH = 'link';
export const ACTIVATION_PATH = 'activation';
/** How long held polls have to be answered when the server stops. */
const ENDING_MS = 500;
const MAX_ACTIVATION_BYTES = 64 * 1024;

/** What a vendor or a test can do with a platform. */
export interface PlatformControls extends VendorControls {
  /** Every agent that has ever connected, with its commands and their results. */
  readonly agents: readonly AgentRecord[];
  /** The activation keys, and which hosts use them. */
  readonly keys: readonly LicenseKey[];
  /** For tests of agents. */
  readonly faults: FaultSwitches;
  /** Closes every WebSocket with this code. */
  closeLinks(code: number): Promise<void>;
  /** Ends every connection without a close frame. */
  abortLinks(): void;
}

export class Platform implements PlatformControls {
  readonly faults = new FaultSwitches();
  readonly #opened: OpenedPlatform;
  readonly #sessions: Sessions;
  readonly #polls: PollLinks;
  readonly #webSockets: WebSocketLinks;
  readonly #signatures: RequestSignatures;
  readonly #activations: Activations | null;
  readonly #vendor: VendorOperations;
  readonly #answering = new Set<Promise<void>>();

  private constructor(opened: OpenedPlatform) {
    const { faults } = this;
    const { fleet, fleetLog: log, book, licenseLog, options } = opened;
    const { clock, licenseSigner: signer, publicOrigin = null } = options;
    this.#opened = opened;
    const findActivation = (agent: string) => book.activationOf(agent, clock.now());
    this.#sessions = new Sessions({ fleet, log, clock, faults, findActivation });
    const run = randomUUID().slice(0, 8);
    let count = 0;
    const nextMessageId = () => {
      count += 1;
      return `m-${run}-${count}`;
    };
    const needsSignature = (agent: string) => this.#needsSignature(agent);
    const parts = { sessions: this.#sessions, clock, faults, nextMessageId, needsSignature };
    this.#polls = new PollLinks(parts);
    this.#webSockets = new WebSocketLinks(parts);
    const signatures = new RequestSignatures(clock, () => faults.now.clockOffsetMs);
    this.#signatures = signatures;
    const activation = { book, log: licenseLog, signatures, publicOrigin, clock, faults };
    this.#activations = signer === undefined ? null : new Activations({ ...activation, signer });
    this.#vendor = new VendorOperations({ ...opened, sessions: this.#sessions });
  }

  /** Opens the folder. @throws CodedError FOLDER-UNSAFE, FILE-*, and an error when a file in it is not ours */
  static async open(options: PlatformOptions): Promise<Platform> {
    const { files, dir, clock } = options;
    await ownFolder(files, dir, { mode: 0o700, what: 'the folder of the platform', isPrivate: true });
    const [fleet, book] = [new Fleet(), new LicenseBook()];
    await using opening = new AsyncDisposableStack();
    const fleetLog = await EventLog.open({ files, path: fleetFile(dir), model: fleet });
    opening.defer(() => fleetLog.close());
    const licenseLog = await EventLog.open({ files, path: licensesFile(dir), model: book });
    opening.defer(() => licenseLog.close());
    await fleetLog.commit(() => ({ kind: 'started', at: utcTime(clock.now()) }) as const);
    const platform = new Platform({ options, fleet, fleetLog, book, licenseLog });
    await platform.#vendor.watch();
    opening.move();
    return platform;
  }

  get agents(): readonly AgentRecord[] {
    return this.#sessions.agents;
  }

  get keys(): readonly LicenseKey[] {
    return this.#opened.book.keys;
  }

  push(to: string, command: PushedCommand): Promise<readonly string[]> {
    return this.#vendor.push(to, command);
  }

  addKeys(terms: KeyTerms): Promise<readonly string[]> {
    return this.#vendor.addKeys(terms);
  }

  revokeKey(id: string): Promise<void> {
    return this.#vendor.revokeKey(id);
  }

  extendKey(id: string, expires: string): Promise<void> {
    return this.#vendor.extendKey(id, expires);
  }

  /** Answers a request below the paths of the platform. Rejects when the client disconnects. */
  async answer(exchange: ServedExchange, parts: readonly string[]): Promise<boolean> {
    const path = parts.join('/');
    if (path === ACTIVATION_PATH && this.#activations !== null) {
      await this.#answerActivation(this.#activations, exchange);
      return true;
    }
    if (path !== LINK_PATH) return false;
    const answering = this.#answerLink(exchange);
    this.#answering.add(answering);
    await answering.finally(() => this.#answering.delete(answering));
    return true;
  }

  /** Answers a WebSocket handshake with the returned status. Never rejects. */
  async upgrade(upgrade: Upgrade, path: readonly string[]): Promise<number> {
    upgrade.socket.on('error', () => undefined);
    if (path.join('/') !== LINK_PATH) return refuseUpgrade(upgrade, problemOf({ status: 404, detail: 'Not here.' }));
    const refusal = this.#webSockets.refusalOf(upgrade.request);
    if (refusal !== null) return refuseUpgrade(upgrade, problemOf(refusal));
    const check = this.#check(upgrade.request, null);
    if ('refusal' in check) return refuseUpgrade(upgrade, check.refusal);
    await this.#webSockets.accept(upgrade, check.agent);
    return 101;
  }

  async closeLinks(code: number): Promise<void> {
    await this.#webSockets.end(code);
  }

  abortLinks(): void {
    this.#webSockets.abort();
  }

  /** Ends all sessions: agents connect again later. */
  async end(): Promise<void> {
    this.#polls.end();
    const answered = new AbortController();
    void Promise.allSettled(this.#answering).then(() => answered.abort());
    await Promise.all([
      this.#webSockets.end(),
      // A poll whose body does not arrive is not awaited.
      wait(this.#opened.options.clock, ENDING_MS, answered.signal).catch(() => undefined),
    ]);
  }

  async close(): Promise<void> {
    await this.#vendor.close();
    await this.#opened.fleetLog.close();
    await this.#opened.licenseLog.close();
  }

  /** Why a receipt or an upload is refused: it has a wrong signature. One without a signature is accepted. */
  objectionTo(request: Upgrade['request'], body: Buffer | null): JsonReply | null {
    const check = this.#checkSigned(request, body);
    return 'refusal' in check ? check.refusal : null;
  }

  #needsSignature(agent: string): boolean {
    return this.#opened.book.findHost(agent) !== null;
  }

  #checkSigned(request: Upgrade['request'], body: Buffer | null): SignatureCheck {
    const { book, options } = this.#opened;
    const findKey = (agent: string) => readPublicKey(book.findHost(agent)?.publicKey ?? '');
    return this.#signatures.check({ request, body, findKey, publicOrigin: options.publicOrigin ?? null });
  }

  #check(request: Upgrade['request'], body: Buffer | null): SignatureCheck {
    const check = this.#checkSigned(request, body);
    if ('refusal' in check || check.agent !== null || !this.#needsSignature(agentOf(request.headers))) return check;
    const message = 'This agent is activated: its requests must be signed.';
    return { refusal: { status: 401, body: { v: 1, code: 'signature', message } } };
  }

  async #answerLink(exchange: ServedExchange): Promise<void> {
    const { method } = exchange.request;
    if (method === 'GET') {
      // RFC 9110, 15.5.22
      const headers = { Upgrade: 'websocket', Connection: 'Upgrade, close' };
      return refuse(exchange, 426, 'Open a WebSocket here, or send a poll with POST.', headers);
    }
    if (method !== 'POST') return refuse(exchange, 405, 'Use GET or POST.', { Allow: 'GET, POST' });
    const body = await readBody(exchange, MAX_LINK_MESSAGE_BYTES);
    if (body === null) return sendReply(exchange, tooLarge(MAX_LINK_MESSAGE_BYTES));
    const check = this.#check(exchange.request, body);
    const reply =
      'refusal' in check ? check.refusal : await this.#polls.answer(exchange, body.toString('utf8'), check.agent);
    if (!exchange.response.destroyed) sendReply(exchange, reply);
  }

  async #answerActivation(activations: Activations, exchange: ServedExchange): Promise<void> {
    if (exchange.request.method !== 'POST') return refuse(exchange, 405, 'Use POST.', { Allow: 'POST' });
    const body = await readBody(exchange, MAX_ACTIVATION_BYTES);
    if (body === null) return sendReply(exchange, tooLarge(MAX_ACTIVATION_BYTES));
    sendReply(exchange, await activations.answer(exchange, body));
  }
}

function tooLarge(bytes: number): JsonReply {
  return problemOf({ status: 413, detail: `A body has at most ${bytes} bytes.`, headers: { Connection: 'close' } });
}
