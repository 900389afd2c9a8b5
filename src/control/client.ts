// The command's end of Control: asks a running daemon over its unix sockets, that of the admin where it lets us in.
//
// Guarantees: what comes back fits the schema or is a coded error, whoever listens there and whenever it stops; an abort
// ends the request and nothing else. A daemon that is not there is told from one that may not be asked. Nothing is sent to
// a socket of a user who does not run Sallyport here.

import { type IncomingMessage, request } from 'node:http';
import { z } from 'zod';
import { type Diagnosis, type DiagnosisRequest, diagnosisSchema } from '#diagnose/report.ts';
import { asCoded, CodedError, coded, exhaustion } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { type ChangeRequest, type ChangeVerdict, changeVerdictSchema } from './change.ts';
import {
  type Control,
  type ForgottenSerial,
  forgottenSchema,
  type HookRun,
  hookRunSchema,
  type RetryRequest,
  type RoundResult,
  roundSchema,
  type Status,
  statusSchema,
  type UpdateRow,
  updateSchema,
  type VerifiedRow,
  verifiedSchema,
} from './control.ts';
import { type EndpointList, endpointListSchema } from './endpoints.ts';
import { judgeSocketOwner } from './socket-owner.ts';
import { placeOf } from './socket-place.ts';
import {
  explanationSchema,
  seededSchema,
  type TimeoutExplanation,
  type TimeoutSeeded,
  type TimeoutSeeds,
} from './timeouts.ts';
import { PATHS, reviveError, reviveEvent } from './wire.ts';

/** A daemon answers such a question at once; a minute is for a machine under load. */
const ANSWER_MS = 60_000;
/** No line is longer; a short answer is one line. Characters or bytes: the difference is of no matter here. */
const ANSWER_LIMIT_BYTES = 67_108_864;

const OTHER_VERSION = 'the daemon is of another version, restart it';
const STOPPED = 'the daemon stopped before it answered';

/** Where a daemon listens, and where its state is. */
export interface ControlSockets {
  readonly admin: string;
  readonly group: string;
  readonly stateDir: string;
}

export interface ClientParts {
  readonly clock: Clock;
  readonly files: Pick<Files, 'facts' | 'realPath'>;
  /** The user who asks. */
  readonly self: number;
}

/**
 * Finds a running daemon; null when nobody listens there.
 * @throws CodedError CONTROL-UNREACHABLE when we may not ask, CONTROL-FOREIGN
 */
export async function connectControl(
  { admin, group, stateDir }: ControlSockets,
  parts: ClientParts,
): Promise<Control | null> {
  return (await connect(admin, CLOSED_TO_US)) ?? (await connect(group, ABSENT));

  async function connect(path: string, passedOver: ReadonlySet<string>): Promise<Control | null> {
    try {
      await reaching(path, () => judgeSocketOwner({ path, stateDir, self: parts.self }, parts.files));
      const control = new SocketControl(path, parts.clock);
      await control.status();
      return control;
    } catch (thrown) {
      const { code, facts } = asCoded(thrown);
      if (code === 'CONTROL-UNREACHABLE' && passedOver.has(String(facts['reason']))) return null;
      throw thrown;
    }
  }
}

/** A path on which we may not pass is a daemon that we may not ask. */
async function reaching<T>(path: string, look: () => Promise<T> | T): Promise<T> {
  try {
    return await look();
  } catch (thrown) {
    const { code, facts } = asCoded(thrown);
    if (code !== 'FILE-FAILED') throw thrown;
    throw coded('CONTROL-UNREACHABLE', { path, reason: String(facts['errno'] ?? facts['reason']) }, thrown);
  }
}

/** Nobody listens. */
const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTDIR']);
/** The admin's socket: the group's is tried then. */
const CLOSED_TO_US: ReadonlySet<string> = new Set([...ABSENT, 'EACCES', 'EPERM']);

interface Asked {
  readonly method: 'GET' | 'POST';
  readonly body?: string | undefined;
}

class SocketControl implements Control {
  readonly #path: string;
  readonly #clock: Clock;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  async status(): Promise<Status> {
    return await this.#ask(PATHS.status, statusSchema);
  }

  async endpoints(): Promise<EndpointList> {
    return await this.#ask(PATHS.endpoints, endpointListSchema);
  }

  async listUpdates(): Promise<UpdateRow[]> {
    return await this.#ask(PATHS.updates, z.array(updateSchema));
  }

  async retryCredentials(profile: string | null): Promise<void> {
    const body = JSON.stringify({ profile } satisfies RetryRequest);
    await this.#ask(PATHS.retryCredentials, z.null(), { method: 'POST', body });
  }

  async check(onEvent: Report, signal: AbortSignal): Promise<RoundResult> {
    return await this.#follow(PATHS.check, { schema: roundSchema, onEvent, signal });
  }

  async verifyUpdates(onEvent: Report, signal: AbortSignal): Promise<VerifiedRow[]> {
    return await this.#follow(PATHS.verify, { schema: z.array(verifiedSchema), onEvent, signal });
  }

  async runHook(id: string, onEvent: Report, signal: AbortSignal): Promise<HookRun> {
    const path = PATHS.hook + encodeURIComponent(id);
    return await this.#follow(path, { schema: hookRunSchema, onEvent, signal });
  }

  async forgetSerial(): Promise<ForgottenSerial> {
    return await this.#ask(PATHS.forgetSerial, forgottenSchema, { method: 'POST' });
  }

  async explainTimeout(size: number | null): Promise<TimeoutExplanation> {
    return await this.#ask(`${PATHS.explainTimeout}${size ?? ''}`, explanationSchema);
  }

  async seedTimeout(seeds: TimeoutSeeds): Promise<TimeoutSeeded> {
    return await this.#ask(PATHS.seedTimeout, seededSchema, { method: 'POST', body: JSON.stringify(seeds) });
  }

  async tryChange(request: ChangeRequest, onEvent: Report, signal: AbortSignal): Promise<ChangeVerdict> {
    const body = JSON.stringify(request);
    return await this.#follow(PATHS.tryChange, { schema: changeVerdictSchema, onEvent, signal, body });
  }

  async confirmChange(): Promise<void> {
    await this.#ask(PATHS.confirmChange, z.null(), { method: 'POST' });
  }

  async diagnose(request: DiagnosisRequest, signal: AbortSignal): Promise<Diagnosis> {
    const onEvent = () => undefined;
    const body = JSON.stringify(request);
    return await this.#follow(PATHS.diagnose, { schema: diagnosisSchema, onEvent, signal, body });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #ask<T>(path: string, schema: z.ZodType<T>, asked: Asked = { method: 'GET' }): Promise<T> {
    const ending = new AbortController();
    const timer = this.#clock.after(ANSWER_MS, () => ending.abort(this.#unreachable('the daemon does not answer')));
    try {
      const response = await this.#open(asked, path, ending.signal);
      for await (const line of this.#lines(response, ending.signal)) {
        const value = this.#parse(line);
        if (response.statusCode !== 200) throw reviveError((value as { error?: unknown } | null)?.error);
        return this.#fit(schema, value);
      }
      throw this.#unreachable(STOPPED);
    } finally {
      timer.cancel();
    }
  }

  async #follow<T>(
    path: string,
    options: {
      readonly schema: z.ZodType<T>;
      readonly onEvent: Report;
      readonly signal: AbortSignal;
      readonly body?: string;
    },
  ): Promise<T> {
    options.signal.throwIfAborted();
    const response = await this.#open({ method: 'POST', body: options.body }, path, options.signal);
    for await (const text of this.#lines(response, options.signal)) {
      const line = (this.#parse(text) ?? {}) as { event?: unknown; result?: unknown; error?: unknown };
      if (line.error !== undefined) throw reviveError(line.error);
      if (line.result !== undefined) return this.#fit(options.schema, line.result);
      const event = reviveEvent(line.event);
      if (event !== null) options.onEvent(event);
    }
    throw this.#unreachable(STOPPED);
  }

  async #open({ method, body }: Asked, path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const place = await reaching(this.#path, () => placeOf(this.#path));
    return await new Promise<IncomingMessage>((resolve, reject) => {
      // A connection each: one that is kept may be of a daemon that was restarted since.
      const asked = request({ socketPath: place.address, method, path, signal, agent: false }, (response) => {
        if (response.statusCode !== 404) return resolve(response);
        response.destroy();
        reject(this.#unreachable(OTHER_VERSION));
      });
      asked.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          signal.aborted
            ? (signal.reason as Error)
            : (exhaustion(error, `ask the daemon at ${this.#path}`) ??
                this.#unreachable(error.code ?? error.message, error)),
        ),
      );
      asked.end(body);
    }).finally(() => place.release());
  }

  async *#lines(response: IncomingMessage, signal: AbortSignal): AsyncGenerator<string> {
    let pending = '';
    response.setEncoding('utf8');
    try {
      for await (const chunk of response as AsyncIterable<string>) {
        pending += chunk;
        const lines = chunk.includes('\n') ? pending.split('\n') : [pending];
        pending = lines.pop() ?? '';
        if (pending.length > ANSWER_LIMIT_BYTES) throw this.#unreachable('the answer is too large');
        yield* lines;
      }
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      throw thrown instanceof CodedError ? thrown : this.#unreachable(STOPPED, thrown);
    }
    if (pending !== '') yield pending;
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (thrown) {
      throw this.#unreachable('what listens there is no Sallyport', thrown);
    }
  }

  #fit<T>(schema: z.ZodType<T>, value: unknown): T {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    throw this.#unreachable(OTHER_VERSION);
  }

  #unreachable(reason: string, cause?: unknown) {
    return coded('CONTROL-UNREACHABLE', { path: this.#path, reason }, cause);
  }
}
