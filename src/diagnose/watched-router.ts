// A router that writes down what the connections of another one show: each step of opening them, and each answer. Whatever
// works over it does just what it always does, so a diagnosis runs the work's own code and needs none beside it.
//
// Guarantees: nothing is changed, asked twice or held up; connections are those of the router below. The steps of a second
// connection to the same target are written down only where they fail, so that a probe reads like one way.

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

/** A response head, and the connection that it came over. */
export interface ObservedResponse {
  readonly head: ResponseHead;
  readonly url: string;
  readonly connection: HopFacts;
  /** Wall time at which it came. */
  readonly atMs: number;
}

/** A URL that a connection was opened for, and the candidate that was tried last for it. */
export interface TriedRequest {
  readonly url: URL;
  /** Null where none was tried. */
  readonly candidate: CandidateInfo | null;
  /** Whether a part of it was requested. */
  readonly inPart: boolean;
}

export class WatchedRouter implements Router {
  readonly observed: ObservedStage[] = [];
  readonly responses: ObservedResponse[] = [];
  /** Connections that were opened, the first one first. */
  readonly connections: HopFacts[] = [];
  /** What connections were opened for, in order. */
  readonly tried: TriedRequest[] = [];
  /** Whether an answer is a stage of its own; what asks for something special says so itself. */
  recordsResponses = true;
  readonly #router: Router;
  readonly #clock: Clock;
  readonly #reached = new Set<string>();

  constructor(router: Router, clock: Clock) {
    this.#router = router;
    this.#clock = clock;
  }

  /** It ended with this failure: one that no step has told is a stage of its own, by default the one that was under way. */
  endedWith(error: CodedError, under: StageName, destination: URL): void {
    const { observed } = this;
    if (observed.some((one) => one.error === error)) return;
    const isChoice = observed.length === 0;
    const last = this.connections.at(-1);
    const stage = isChoice ? 'choice' : stageOf(error.trace?.phase, under);
    error.during({ phase: isChoice ? 'choice' : 'response', elapsedMs: 0, proven: last?.passed ?? [] });
    const target =
      last === undefined ? (observed.at(-1)?.target ?? authorityOf(destination)) : `${last.host}:${last.port}`;
    observed.push({ stage, target, elapsedMs: error.trace?.elapsedMs ?? null, facts: {}, error });
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
        // First the hop's own verdict: what it throws is no answer of the target.
        connection.validateResponse(head, url);
        if (!this.recordsResponses) return;
        const elapsedMs = this.#clock.monotonic() - openedMs;
        const { status, reason } = head;
        const facts = { status, reason, via: responseInfo(head).via };
        this.observed.push({ stage: 'http', target, elapsedMs, facts, error: null });
      },
    };
  }

  #note({ phase, elapsedMs, facts, error }: ObservedStep, target: string): void {
    this.observed.push({ stage: stageOf(phase, 'http'), target, elapsedMs, facts, error });
  }
}

/** What a phase of a connection is called here; those of an exchange are what it is made for. */
function stageOf(phase: ConnectPhase | undefined, exchange: StageName): StageName {
  return phase === undefined || phase === 'request' || phase === 'response' ? exchange : phase;
}

/** `host:port`, the port written out. */
export function authorityOf({ protocol, port, hostname }: URL): string {
  const byDefault = protocol === 'https:' || protocol === 'wss:' ? '443' : '80';
  return `${hostname}:${port === '' ? byDefault : port}`;
}
