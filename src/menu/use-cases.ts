// Makes the changes of the menu: connects its interfaces (`ports.ts`) with the functions of `#changes`. If this process
// can write the configuration, these functions run here, otherwise in the change service.
//
// Guarantees: a change is saved only after its test has passed, or with SAVE ANYWAY. If it is aborted before that, the
// file is unchanged. A change that was written is never reported as cancelled. A typed password is registered as a secret before it is used, so that it is masked in all output.

import { activateByService, askService, lookByService, type ServicePlace } from '#changes/client.ts';
import type { ChangeContext } from '#changes/context.ts';
import type { DaemonOutcome } from '#changes/daemon-outcome.ts';
import { type MadeChange, makeChange } from '#changes/make.ts';
import { checkPin } from '#changes/pin.ts';
import { proxyFacts } from '#changes/proxy/facts.ts';
import { type Activated, activateBy, readOutcome } from '#changes/proxy/outcome.ts';
import { tryChange } from '#changes/trial.ts';
import type { Change } from '#config/editing/apply-change.ts';
import { problemLine } from '#config/problem.ts';
import type { LoadedSettings, RefusedSettings } from '#config/reading/load.ts';
import type { ChangeVerdict } from '#control/change.ts';
import { asCoded, coded } from '#errors/coded-error.ts';
import type { Report, SallyportEvent } from '#logging/events.ts';
import type { Outcome } from '#platform/outcome/outcome.ts';
import { Secret } from '#redaction/secret.ts';
import { type Clock, wait } from '#system/clock.ts';
import { changeOfOrder } from './change-order.ts';
import type { ChangeResult, FailureView, TriedStage } from './model/screens.ts';
import type { ChangeOrder, MenuLook, MenuPorts } from './ports.ts';

/** Time limit of a trial, in milliseconds. */
const WINDOW_MS = 120_000;

/** What both kinds of ports need. */
interface Common {
  readonly clock: Clock;
  /** Registers a typed secret for redaction. */
  keepSecret(value: Secret): void;
}

/** For a user who can read and write the configuration. */
export interface OwnFile extends Common {
  /** The context of one change; an abort of `signal` ends it. */
  context(signal: AbortSignal): ChangeContext;
}

/** The ports of a user who can write the file. */
export function ownFilePorts(own: OwnFile): MenuPorts {
  return new Ports(own, {
    look: async (pin, signal) => {
      const context = own.context(signal);
      const loaded = await context.load();
      if (!loaded.ok) throw loaded.error;
      const verdict = checkPin(loaded.settings.menu.pin, pin);
      if (verdict !== 'open') return { kind: 'locked', isWrong: verdict === 'wrong' };
      return { kind: 'seen', facts: proxyFacts(loaded), outcome: await readOutcome(() => context.findDaemon()) };
    },
    change: async (change, { order, onEvent, signal }) => {
      const context = own.context(signal);
      const loaded = await context.load();
      if (!loaded.ok) return refused(loaded);
      if (loaded.digest !== order.facts.digest) throw coded('CONFIG-CHANGED', { file: loaded.file });
      const verdict = order.saveAnyway ? null : await verdictOf(context, loaded, { change, onEvent });
      if (verdict !== null && 'kind' in verdict) return verdict;
      if (verdict !== null && !verdict.confirmed) return dropped(verdict);
      const made = await makeChange(context, loaded, change);
      return made.state === 'refused' ? refused(made.refused) : { ...made, verdict };
    },
    activate: async (key, signal) => await activateBy(await own.context(signal).openControl(), key, signal),
  });
}

/** For a user who can change the configuration only through the change service. */
export interface ByService extends Common {
  readonly place: ServicePlace;
  readonly file: string;
  readonly stateDir: string;
}

/** The ports of a user who needs the change service. */
export function servicePorts({ place, file, stateDir, ...common }: ByService): MenuPorts {
  return new Ports(common, {
    look: async (pin, signal) => {
      const look = await lookByService(place, { file, stateDir }, { pin, signal });
      if (look.state === 'locked') return { kind: 'locked', isWrong: look.is_wrong };
      return { kind: 'seen', facts: look.facts, outcome: look.outcome };
    },
    change: async (change, { order, onEvent, signal }) => {
      const { facts, saveAnyway: savesAnyway } = order;
      const content = { file: facts.file, digest: facts.digest, stateDir };
      const request = {
        verb: 'apply',
        change,
        windowMs: WINDOW_MS,
        waits: false,
        savesAnyway,
        onEvent,
        signal,
      } as const;
      const outcome = await askService(place, content, request);
      if (outcome.state === 'refused') return refused(outcome.refused);
      return outcome.state === 'tried' ? dropped(outcome.verdict) : outcome;
    },
    activate: async (key, signal) => await activateByService(place, { file, stateDir }, { key, signal }),
  });
}

interface Means {
  look(pin: string | null, signal: AbortSignal): Promise<MenuLook>;
  change(
    change: Change,
    how: { readonly order: ChangeOrder; readonly onEvent: Report; readonly signal: AbortSignal },
  ): Promise<TestedChange | ChangeResult>;
  activate(key: string, signal: AbortSignal): Promise<Activated>;
}

/** A change that was written, and the result of its test. */
type TestedChange = MadeChange & { readonly verdict: ChangeVerdict | null };

class Ports implements MenuPorts {
  readonly #common: Common;
  readonly #means: Means;
  /** The right PIN, once it was entered. */
  #pin: string | null = null;

  constructor(common: Common, means: Means) {
    this.#common = common;
    this.#means = means;
  }

  async look(given: string | null, signal: AbortSignal): Promise<MenuLook> {
    const pin = given ?? this.#pin;
    const look = await this.#means.look(pin, signal);
    this.#pin = look.kind === 'seen' ? pin : null;
    return look;
  }

  lock(): void {
    this.#pin = null;
  }

  async change(order: ChangeOrder, onStage: (stage: TriedStage) => void, signal: AbortSignal): Promise<ChangeResult> {
    try {
      const change = changeOfOrder(order);
      if (change.secret !== undefined) this.#common.keepSecret(change.secret.value);
      const onEvent = (event: SallyportEvent) => {
        const stage = stageOf(event);
        if (stage !== null) onStage(stage);
      };
      const result = await this.#means.change(change, { order, onEvent, signal });
      if ('kind' in result) return result;
      const note = noteOf(result.daemon);
      // The test has just connected with these settings.
      const tested = result.verdict?.confirmed === true ? result.verdict.outcome : undefined;
      return { kind: 'made', note, outcome: tested ?? (await this.#outcomeAfter(signal)) };
    } catch (thrown) {
      return failedBy(thrown, signal);
    }
  }

  async activate(key: string, signal: AbortSignal): Promise<ChangeResult> {
    try {
      this.#common.keepSecret(new Secret(key));
      const { failure, outcome } = await this.#means.activate(key, signal);
      return failure === null ? { kind: 'made', outcome, note: null } : { kind: 'failed', failure };
    } catch (thrown) {
      return failedBy(thrown, signal);
    }
  }

  /** The daemon needs a moment to connect with the new settings. An abort only ends the wait. */
  async #outcomeAfter(signal: AbortSignal): Promise<Outcome> {
    const { clock } = this.#common;
    const end = clock.monotonic() + OUTCOME_MS;
    for (;;) {
      const look = await this.look(null, signal).catch(() => null);
      const outcome = look?.kind === 'seen' ? look.outcome : UNKNOWN;
      if (outcome.kind !== 'unknown' || signal.aborted || clock.monotonic() >= end) return outcome;
      await wait(clock, OUTCOME_EVERY_MS, signal).catch(() => undefined);
    }
  }
}

const UNKNOWN: Outcome = { kind: 'unknown' };
const OUTCOME_MS = 5_000;
const OUTCOME_EVERY_MS = 500;

async function verdictOf(
  context: ChangeContext,
  loaded: LoadedSettings,
  { change, onEvent }: { readonly change: Change; readonly onEvent: Report },
): Promise<ChangeVerdict | ChangeResult> {
  const outcome = await tryChange(context, loaded, { change, windowMs: WINDOW_MS, mayWait: false, onEvent });
  switch (outcome.state) {
    case 'refused':
      return refused(outcome.refused);
    case 'broken':
    case 'interrupted':
      throw outcome.error;
    case 'judged':
      return outcome.verdict;
  }
}

function refused({ error, problems }: RefusedSettings): ChangeResult {
  const [first] = problems;
  const message = first === undefined ? error.safeText : problemLine(first);
  return { kind: 'failed', failure: { code: error.code, message, check: error.check } };
}

function dropped({ failure }: ChangeVerdict): ChangeResult {
  if (failure === null) return { kind: 'failed', failure: NO_ANSWER };
  const { code, message, check } = failure;
  return { kind: 'failed', failure: { code, message, check } };
}

const NO_ANSWER: FailureView = {
  code: 'NO ANSWER',
  message: `The test did not end within ${WINDOW_MS / 1_000} s.`,
  check: 'Check the address and the port of the proxy.',
};

function failedBy(thrown: unknown, signal: AbortSignal): ChangeResult {
  const error = asCoded(thrown);
  // If the connection to the service broke, the change may have been made.
  if (signal.aborted && error.code !== 'CHANGE-UNREACHABLE') return { kind: 'cancelled' };
  return { kind: 'failed', failure: { code: error.code, message: error.safeText, check: error.check } };
}

/** What the user must know beyond the outcome; null if the daemon uses the change. */
function noteOf(daemon: DaemonOutcome | null): string | null {
  switch (daemon?.taken) {
    case 'refused':
    case 'held':
      return `The daemon has not applied the change: ${daemon.refusal ?? ''}`;
    case 'no daemon':
      return 'No daemon is running. The change applies at the next start.';
    case 'not yet':
      return 'The daemon has not yet reported that it applied the change.';
    case 'another file':
      return 'The running daemon uses a different configuration file.';
    default:
      return null;
  }
}

/** A stage of the trial; null for another event. */
function stageOf(event: SallyportEvent): TriedStage | null {
  if (event.name !== 'change-stage') return null;
  const { stage, purpose, result } = event;
  return { stage: String(stage), purpose: String(purpose), code: result === 'ok' ? null : String(result) };
}
