// A router that wraps another router and records its connections: each step of opening them, and each response. It has
// the same interface, so a diagnosis can run the same code as updates and uploads.
//
// Guarantees: nothing is changed, requested twice or delayed. If a second connection to the same target is opened, its
// steps are recorded only if they fail, so that the report of a probe shows a single route.

import type { Purpose } from '#config/purposes.ts';
import type { CodedError } from '#errors/coded-error.ts';
import type { ConnectPhase } from '#errors/connect-trace.ts';
import type { FieldValue } from '#errors/template.ts';
import { responseInfo } from '#http/headers.ts';
import type { CandidateInfo } from '#proxy/candidate-info.ts';
import type { ObservedStep } from '#proxy/connect-observer.ts';
import type { Connection, HopFacts, OpenOptions, ResponseHead, Route, Router } from '#proxy/route.ts';
import type { Clock } from '#system/clock.ts';
import type { StageName } from './report.ts';

/** One step that was observed. */
export interface ObservedStage {
  readonly stage: StageName;
  /** `host:port` of the target. */
  readonly target: string;
  readonly elapsedMs: number | null;
  readonly facts: Readonly<Record<string, FieldValue>>;
  readonly error: CodedError | null;
}

/** A response head, and the connection on which it was received. */
export interface ObservedResponse {
  readonly head: ResponseHead;
  readonly url: string;
  readonly connection: HopFacts;
  /** Wall time at which it was received. */
  readonly atMs: number;
}

/** A URL for which a connection was opened, and the last candidate that was tried for it. */
export interface TriedRequest {
  readonly url: URL;
  /** Null when none was tried. */
  readonly candidate: CandidateInfo | null;
  /** Whether a range of it was requested. */
  readonly inPart: boolean;
}

export class WatchedRouter implements Router {
  readonly observed: ObservedStage[] = [];
  readonly responses: ObservedResponse[] = [];
  /** Connections that were opened, the first one first. */
  readonly connections: HopFacts[] = [];
  /** The URLs for which connections were opened, in order. */
  readonly tried: TriedRequest[] = [];
  /** Whether a response is a stage of its own; a special request reports its own stage. */
  recordsResponses = true;
  readonly #router: Router;
  readonly #clock: Clock;
  readonly #onStage: (stage: ObservedStage) => void;
  readonly #reached = new Set<string>();

  /** @param onStage called with each stage as soon as it is over */
  constructor(router: Router, clock: Clock, onStage: (stage: ObservedStage) => void = () => undefined) {
    this.#router = router;
    this.#clock = clock;
    this.#onStage = onStage;
  }

  /**
   * It ended with this failure. A failure that no step reported becomes a stage of its own, by default the current
   * one.
   */
  endedWith(error: CodedError, under: StageName, destination: URL): void {
    const { observed } = this;
    if (observed.some((one) => one.error === error)) return;
    const isChoice = observed.length === 0;
    const last = this.connections.at(-1);
    const stage = isChoice ? 'choice' : stageOf(error.trace?.phase, under);
    error.during({ phase: isChoice ? 'choice' : 'response', elapsedMs: 0, proven: last?.passed ?? [] });
    const target =
      last === undefined ? (observed.at(-1)?.target ?? authorityOf(destination)) : `${last.host}:${last.port}`;
    this.add({ stage, target, elapsedMs: error.trace?.elapsedMs ?? null, facts: {}, error });
  }

  route(purpose: Purpose, target: URL): Route {
    const route = this.#router.route(purpose, target);
    return { ...route, open: (options) => this.#open(route, options) };
  }

  async #open(route: Route, options: OpenOptions): Promise<Connection> {
    const target = authorityOf(route.target);
    const isFirst = !this.#reached.has(target);
    const watch = (step: ObservedStep) => {
      options.watch?.(step);
      if (isFirst || step.error !== null) this.#note(step, target);
    };
    const at = this.tried.length;
    const inPart = !this.recordsResponses;
    this.tried.push({ url: route.target, candidate: null, inPart });
    const onCandidate = (candidate: CandidateInfo) => {
      options.onCandidate?.(candidate);
      this.tried[at] = { url: route.target, candidate, inPart };
    };
    const connection = await route.open({ ...options, watch, onCandidate });
    this.#reached.add(target);
    this.connections.push(connection.facts);
    return this.#watched(connection, target);
  }

  #watched(connection: Connection, target: string): Connection {
    const openedMs = this.#clock.monotonic();
    return {
      ...connection,
      validateResponse: (head, url) => {
        this.responses.push({ head, url, connection: connection.facts, atMs: this.#clock.now() });
        // The hop's own verdict comes first: if it throws, the response is not the target's.
        connection.validateResponse(head, url);
        if (!this.recordsResponses) return;
        const elapsedMs = this.#clock.monotonic() - openedMs;
        const { status, reason } = head;
        const facts = { status, reason, via: responseInfo(head).via };
        this.add({ stage: 'http', target, elapsedMs, facts, error: null });
      },
    };
  }

  #note({ phase, elapsedMs, facts, error }: ObservedStep, target: string): void {
    this.add({ stage: stageOf(phase, 'http'), target, elapsedMs, facts, error });
  }

  /** Records a stage. */
  add(stage: ObservedStage): void {
    this.observed.push(stage);
    this.#onStage(stage);
  }
}

/** The stage for a phase of a connection; phases of an exchange belong to the purpose of the exchange. */
function stageOf(phase: ConnectPhase | undefined, exchange: StageName): StageName {
  return phase === undefined || phase === 'request' || phase === 'response' ? exchange : phase;
}

/** `host:port`, with the port written explicitly. */
export function authorityOf({ protocol, port, hostname }: URL): string {
  const byDefault = protocol === 'https:' || protocol === 'wss:' ? '443' : '80';
  return `${hostname}:${port === '' ? byDefault : port}`;
}
