// The link to the platform while it is enabled: the inbox with the handlers of its commands, the link, and reports.
//
// This module is loaded only if `platform.enabled` is true.

import { join } from 'node:path';
import { toFailure } from '#daemon/failure.ts';
import type { Parts } from '#daemon/parts.ts';
import { asCoded, type CodedError } from '#errors/coded-error.ts';
import { purposeHeaders } from '#http/purpose-headers.ts';
import type { RequestSigner } from '#http/signatures/request-signer.ts';
import { AdviceStore } from '#platform/inbox/advice.ts';
import { CommandInbox } from '#platform/inbox/inbox.ts';
import { type LinkSettings, type LinkState, PlatformLink } from '#platform/link/link.ts';
import { type AgentMessage, agentMessage, type PlatformMessage } from '#platform/messages.ts';
import type { ActivationState } from '#platform/outcome/outcome.ts';
import { substanceOf } from '#platform/report/report.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import type { Clock, Timer } from '#system/clock.ts';
import { Turns } from '#system/turns.ts';
import { CommandHandlers, decisionOf } from './command-handlers.ts';
import { nextReport } from './report-facts.ts';

const PURPOSE = 'platform';
const INBOX = 'inbox';
/** How often a report is sent at most, apart from the one of each connection, and how often unconfirmed results are. */
const REPORT_EVERY_MS = 600_000;

/** What the link needs of the rest of the daemon. */
export interface PlatformWork {
  readonly parts: Parts;
  readonly connectionClock: Clock;
  readonly activation: PlatformActivation;
  /** Runs a check for updates that begins from now on. */
  check(): Promise<CodedError | null>;
}

/** The activation of this host, as the platform hears of it. */
interface PlatformActivation {
  readonly state: ActivationState;
  /** @throws CodedError */
  renew(signal: AbortSignal): Promise<void>;
  /** Signs requests to this URL; null while this host is not activated. */
  signer(url: URL): RequestSigner | null;
}

export class RunningPlatform {
  readonly inbox: CommandInbox;
  readonly advice: AdviceStore;
  readonly link: PlatformLink;
  readonly #work: PlatformWork;
  readonly #reconciling = new Turns();
  #timer: Timer | null = null;
  /** What the last report said. */
  #reported: string | null = null;
  #messages = 0;
  /** When the link was last connected, in ms since the epoch. */
  #connectedAtMs: number | null = null;

  private constructor(work: PlatformWork, stores: { inbox: CommandInbox; advice: AdviceStore }, link: PlatformLink) {
    this.#work = work;
    this.inbox = stores.inbox;
    this.advice = stores.advice;
    this.link = link;
  }

  /** Opens the stores; `start` begins. @throws CodedError FOLDER-UNSAFE, STATE-UNREADABLE, FILE-* */
  static async open(work: PlatformWork): Promise<RunningPlatform> {
    const { parts, connectionClock } = work;
    const { files, clock, ports, config } = parts;
    const report = reportOf(PURPOSE, parts.report);
    const stateDir = config.loaded.settings.daemon.state_dir;
    const { store: advice, error } = await AdviceStore.open(files, stateDir);
    if (error !== null) report({ name: 'state-set-aside', error });
    const handlers = new CommandHandlers({
      clock,
      report,
      advice,
      check: () => work.check(),
      requests: () => parts.uploads.bundles.requests(),
      renewActivation: (signal) => work.activation.renew(signal),
      again: (id) => void inbox.again(id),
    });
    const inbox: CommandInbox = await CommandInbox.open({
      files,
      stateDir,
      outbox: join(stateDir, INBOX),
      clock,
      random: ports.random,
      report,
      host: () => linkSettings(parts).url?.host ?? '',
      handle: (id, command, handling) => handlers.handle(id, command, handling),
      send: (message) => link.send(message),
    });
    const link: PlatformLink = new PlatformLink({
      router: ports.router,
      clock,
      connectionClock,
      random: ports.random,
      report,
      settings: () => linkSettings(parts),
      headers: () => ({
        ...purposeHeaders(PURPOSE, ports.settings(), { ...ports, credentials: true }),
        'sallyport-agent': ports.agent.id,
      }),
      signer: () => signerOf(work),
      hello: () => running.#hello(),
      receive: (message) => running.#receive(message),
    });
    const running: RunningPlatform = new RunningPlatform(work, { inbox, advice }, link);
    return running;
  }

  /** When the link was last connected, in ms since the epoch; null if it was not since the start. */
  get connectedAtMs(): number | null {
    return this.#connectedAtMs;
  }

  start(): void {
    this.link.onChange(() => this.#noteState(this.link.state));
    this.inbox.start();
    this.link.start();
    void this.reconcile();
    this.#plan();
  }

  /** Ends the link and the running handler; commands are kept. */
  async stop(reason: CodedError): Promise<void> {
    this.#timer?.cancel();
    await Promise.all([this.link.stop(), this.inbox.stop(reason), this.#reconciling.idle()]);
  }

  /** Answers commands that waited for a person, or for the end of the time to decide. Never rejects. */
  reconcile(): Promise<void> {
    return this.#reconciling.run(() => this.#reconcile());
  }

  async #reconcile(): Promise<void> {
    const waiting = this.inbox.done.filter(({ outcome }) => outcome === 'waiting');
    if (waiting.length === 0) return;
    try {
      const requests = await (await this.#work.parts.uploads.bundles.requests()).list();
      for (const { id } of waiting) {
        const decided = requests.find((request) => request.id === id);
        const handled = decided === undefined ? null : decisionOf(decided);
        if (handled !== null) await this.inbox.finish(id, handled);
      }
    } catch (thrown) {
      // It is tried again at the next report.
      this.#work.parts.report({ name: 'fault', error: asCoded(thrown) });
    }
  }

  #plan(): void {
    this.#timer = this.#work.parts.clock.after(REPORT_EVERY_MS, () => {
      void this.reconcile().then(() => this.inbox.repeatResults());
      void this.#reportChange().catch(asCoded);
      this.#plan();
    });
  }

  async #hello(): Promise<AgentMessage> {
    const { parts } = this.#work;
    this.inbox.connected();
    const report = await nextReport(parts);
    this.#note(report);
    const { id, version } = parts.ports.agent;
    const { after, last } = this.inbox;
    const { state: activation } = this.#work.activation;
    return this.#message({ type: 'hello', agent: { id, version }, after, last, activation, report });
  }

  async #receive(message: Exclude<PlatformMessage, { type: 'delay' }>): Promise<readonly AgentMessage[]> {
    return await this.inbox.receive(message);
  }

  /** Sends a report if it says something new. */
  async #reportChange(): Promise<void> {
    if (this.link.state.kind !== 'connected') return;
    const report = await nextReport(this.#work.parts);
    if (report === null || substanceOf(report) === this.#reported) return;
    this.link.send(this.#message({ type: 'report', report }));
    this.#note(report);
  }

  #note(report: Awaited<ReturnType<typeof nextReport>>): void {
    this.#reported = report === null ? null : substanceOf(report);
    const { parts } = this.#work;
    if (report !== null) reportOf(PURPOSE, parts.report)({ name: 'platform-report-sent', level: report.level });
  }

  #message(content: Parameters<typeof agentMessage>[0]): AgentMessage {
    this.#messages += 1;
    return agentMessage(content, `${content.type}-${this.#messages}`);
  }

  /** Not awaited: it only informs. */
  #noteState(state: LinkState): void {
    const { clock, outcomes, redactor } = this.#work.parts;
    const at = clock.now();
    if (state.kind === 'connected') {
      this.#connectedAtMs = at;
      void outcomes.note(PURPOSE, { at, failure: null });
      void outcomes.noteAddress(PURPOSE, state.localAddress);
    } else if (state.kind === 'waiting' && state.failure !== null) {
      void outcomes.note(PURPOSE, { at, failure: toFailure(state.failure, redactor) });
    }
  }
}

function linkSettings({ ports }: Parts): LinkSettings {
  const { platform, response_timeout: timeout } = ports.settings();
  return {
    url: platform.enabled && platform.url !== undefined ? new URL(platform.url) : null,
    mode: platform.mode,
    pingMs: platform.ping_seconds * 1_000,
    responseTimeoutMs: timeout.base_ms,
    responseTimeoutKey: 'response_timeout.base_ms',
  };
}

/** The platform accepts signatures of this host once it is activated. */
function signerOf({ parts, activation }: PlatformWork): RequestSigner | null {
  const { url } = parts.ports.settings().platform;
  return url === undefined ? null : activation.signer(new URL(url));
}
