// The state machine of the link to the platform. From a state and an event, it calculates the next state and the
// actions. Pure: time and randomness are inputs.
//
// Guarantees: at most one connection is opened at a time, and none in the states `off` and `waiting`. In mode `poll`,
// no WebSocket is opened. No state except `off` lasts forever: the transport reports an event, because each of its
// steps has a deadline, or the time `wakeAtMs` is reached. docs/architecture.md has a drawing.

import type { Code } from '#errors/catalogue.ts';
import type { CodedError } from '#errors/coded-error.ts';
import { pingWaitMs, probeWaitMs, SPREAD_ATTEMPT, waitMs } from './backoff.ts';
import type { Inputs, LinkEffect, LinkEvent, LinkMode, Machine, Phase, Saying, Step } from './machine.ts';
import { FULL_WAIT, pollAnswered, pollCut } from './poll-wait.ts';

/** A link that lasted this long was stable: failures are counted from the beginning again. */
const STABLE_MS = 60_000;
/** A proxy may end a tunnel at any time after this without anything being wrong. */
const NORMAL_END_MS = 600_000;
/** The platform answers hello within this time. */
const WELCOME_MS = 30_000;
/** The number of pings in a row without an answer after which the link is dead. */
const MISSED_PINGS = 2;
/** Links in a row that were lost in silence, after which pings are sent twice as often, and the shortest interval. */
const SILENT_LOSSES = 2;
const MIN_PING_MS = 5_000;
/** Upgrades in a row without an answer, after which WebSocket counts as blocked. */
const SILENT_UPGRADES = 3;
/** A poll that is answered sooner was not held. After some in a row, the next ones are slowed down. */
const HASTY_MS = 1_000;
const MAX_HASTY = 3;
const MAX_HASTY_WAIT_MS = 60_000;
/** The same is said again after a day. */
const SAID_AGAIN_MS = 86_400_000;
const DEFAULT_PING_MS = 25_000;

/** Codes of a poll that a device between may have ended because it took too long. */
const CUT: ReadonlySet<Code> = new Set<Code>(['CONNECTION-LOST', 'RESPONSE-TIMEOUT', 'ORIGIN-STATUS']);

export const OFF: Machine = {
  phase: 'off',
  sinceMs: 0,
  mode: 'websocket',
  pingMs: DEFAULT_PING_MS,
  silentLosses: 0,
  heardAtMs: 0,
  wakeAtMs: null,
  attempts: 0,
  upgradesFailed: 0,
  blocked: null,
  failure: null,
  notBeforeMs: 0,
  isProven: false,
  unanswered: 0,
  pingAtMs: 0,
  polls: 0,
  hasty: 0,
  pollWait: FULL_WAIT,
  said: { codes: {}, isAwaited: true, endAtMs: null, ends: 0 },
};

/** The next state, and what to do, in this order. An event that does not fit the state changes nothing. */
export function step(machine: Machine, event: LinkEvent, inputs: Inputs): Step {
  const { phase } = machine;
  if (event.kind === 'stop') return stopped(machine);
  if (event.kind === 'start') return phase === 'off' ? started(machine, event, inputs) : still(machine);
  if (event.kind === 'delay') return still(delayed(machine, event.ms, inputs));
  switch (phase) {
    case 'off':
      return still(machine);
    case 'connecting':
    case 'upgrading':
      return whileOpening(machine, event, inputs);
    case 'connected':
      return whileConnected(machine, event, inputs);
    case 'polling':
      return whilePolling(machine, event, inputs);
    case 'probing':
      return whileProbing(machine, event, inputs);
    case 'waiting':
      return event.kind === 'time' && isDue(machine, inputs) ? attempted(machine, inputs) : still(machine);
  }
}

/** Starts without any memory of an earlier run: the settings may have changed. Only normal ends stay said. */
function started(machine: Machine, { mode, pingMs }: LinkEvent & { kind: 'start' }, inputs: Inputs): Step {
  const { endAtMs, ends } = machine.said;
  return attempted({ ...OFF, mode, pingMs, said: { ...OFF.said, endAtMs, ends } }, inputs);
}

function stopped(machine: Machine): Step {
  if (machine.phase === 'off') return still(machine);
  return { machine: { ...machine, phase: 'off', wakeAtMs: null, failure: null, polls: 0 }, effects: [drop] };
}

function delayed(machine: Machine, ms: number, { nowMs }: Inputs): Machine {
  return { ...machine, notBeforeMs: Math.max(machine.notBeforeMs, nowMs + ms) };
}

/** Tries what is most likely to work: a WebSocket, or long polling where that is configured or WebSocket is blocked. */
function attempted(machine: Machine, inputs: Inputs): Step {
  const { mode, blocked } = machine;
  const polls = mode === 'poll' || (blocked !== null && inputs.nowMs < blocked.probeAtMs);
  const fresh = { ...moved(machine, polls ? 'polling' : 'connecting', inputs), isProven: false };
  return polls ? polled(fresh) : { machine: fresh, effects: [{ do: 'open' }] };
}

function whileOpening(machine: Machine, event: LinkEvent, inputs: Inputs): Step {
  switch (event.kind) {
    case 'opened':
      return machine.phase === 'connecting' ? still(moved(machine, 'upgrading', inputs)) : still(machine);
    case 'upgraded':
      return machine.phase === 'upgrading' ? upgraded(machine, inputs) : still(machine);
    case 'refused':
      return machine.phase === 'upgrading' ? blockedBy(machine, event, inputs) : still(machine);
    case 'failed': {
      // A platform that answers with its own refusal is reachable: WebSocket is not what is blocked.
      const isAnswer = event.retryAfterMs !== undefined || !event.error.retryable;
      if (machine.phase === 'connecting' || isAnswer) return failed(machine, event, inputs);
      const upgradesFailed = machine.upgradesFailed + 1;
      if (upgradesFailed >= SILENT_UPGRADES) return blockedBy(machine, event, inputs);
      return failed({ ...machine, upgradesFailed }, event, inputs);
    }
    default:
      return still(machine);
  }
}

function upgraded(machine: Machine, inputs: Inputs): Step {
  const { nowMs, random } = inputs;
  const pingAtMs = nowMs + pingWaitMs(machine.pingMs, random);
  const fresh = { upgradesFailed: 0, blocked: null, failure: null, isProven: false, unanswered: 0, pingAtMs };
  return still(planned({ ...moved(machine, 'connected', inputs), ...fresh, heardAtMs: nowMs }));
}

function whileConnected(machine: Machine, event: LinkEvent, inputs: Inputs): Step {
  const { nowMs } = inputs;
  const livedMs = nowMs - machine.sinceMs;
  switch (event.kind) {
    case 'heard':
      return heard({ ...machine, unanswered: 0, heardAtMs: nowMs }, event.isMessage);
    case 'ended': {
      const isNormal = livedMs >= NORMAL_END_MS || (event.isOrderly && livedMs >= STABLE_MS);
      if (isNormal) return ended({ ...machine, silentLosses: 0 }, event.error, inputs);
      const isSilent = !event.isOrderly && nowMs - machine.heardAtMs >= MIN_PING_MS;
      return lost(isSilent ? lostInSilence(machine) : machine, event.error, inputs);
    }
    case 'failed':
      return lost(machine, event.error, inputs);
    case 'time':
      return watched(stable(machine, nowMs), inputs);
    default:
      return still(machine);
  }
}

/** Something on the path may drop connections that are silent: pings are sent more often. */
function lostInSilence(machine: Machine): Machine {
  const silentLosses = machine.silentLosses + 1;
  if (silentLosses < SILENT_LOSSES) return { ...machine, silentLosses };
  return { ...machine, silentLosses: 0, pingMs: Math.min(machine.pingMs, Math.max(MIN_PING_MS, machine.pingMs / 2)) };
}

/** Something came over the WebSocket; the first message proves that the platform speaks this protocol. */
function heard(machine: Machine, isMessage: boolean): Step {
  if (machine.isProven || !isMessage) return still(machine);
  return proven(planned({ ...machine, isProven: true }), 'websocket');
}

/** A ping is due, or the platform has been silent for too long. */
function watched(machine: Machine, inputs: Inputs): Step {
  const { nowMs, random } = inputs;
  const isMute = !machine.isProven && nowMs >= machine.sinceMs + WELCOME_MS;
  if (isMute) return lost(machine, inputs.silent(nowMs - machine.sinceMs), inputs);
  if (nowMs < machine.pingAtMs) return still(planned(machine));
  if (machine.unanswered >= MISSED_PINGS) {
    return lost(lostInSilence(machine), inputs.silent(nowMs - machine.heardAtMs), inputs);
  }
  const pingAtMs = nowMs + pingWaitMs(machine.pingMs, random);
  return { machine: planned({ ...machine, unanswered: machine.unanswered + 1, pingAtMs }), effects: [{ do: 'ping' }] };
}

function whilePolling(machine: Machine, event: LinkEvent, inputs: Inputs): Step {
  switch (event.kind) {
    case 'answered':
      return answered({ ...machine, polls: machine.polls === 2 ? 1 : 0 }, event, inputs);
    case 'failed':
      return pollFailed({ ...machine, polls: 0 }, event, inputs);
    case 'urgent':
      return mayPollTwice(machine, inputs) ? polled(machine) : still(machine);
    case 'time':
      return machine.polls > 0 || !isDue(machine, inputs) ? still(machine) : nextPoll(machine, inputs);
    default:
      return still(machine);
  }
}

/** A second poll ends the held one, whose answer is then hasty. The limit of hasty answers therefore limits both. */
function mayPollTwice({ polls, isProven, hasty, notBeforeMs }: Machine, { nowMs }: Inputs): boolean {
  return polls === 1 && isProven && hasty <= MAX_HASTY && nowMs >= notBeforeMs;
}

function answered(machine: Machine, event: LinkEvent & { kind: 'answered' }, inputs: Inputs): Step {
  const { nowMs } = inputs;
  const isHasty = machine.isProven && event.elapsedMs < HASTY_MS;
  const hasty = isHasty ? machine.hasty + 1 : 0;
  const pollWait = pollAnswered(machine.pollWait, event.elapsedMs, nowMs);
  const after = stable({ ...machine, isProven: true, failure: null, hasty, pollWait }, nowMs);
  return chain(after, [(to) => confirmed(to, inputs), (to) => proven(to, 'poll'), (to) => pausedPoll(to, inputs)]);
}

/** Polls again, at once unless another poll runs, the platform asked for a pause, or it does not hold polls. */
function pausedPoll(machine: Machine, inputs: Inputs): Step {
  const { polls, hasty, notBeforeMs } = machine;
  if (polls > 0) return still(machine);
  const slowMs = hasty <= MAX_HASTY ? 0 : Math.min(MAX_HASTY_WAIT_MS, HASTY_MS * 2 ** Math.min(hasty - MAX_HASTY, 10));
  const pauseMs = Math.max(slowMs, notBeforeMs - inputs.nowMs);
  return pauseMs > 0 ? still({ ...machine, wakeAtMs: inputs.nowMs + pauseMs }) : nextPoll(machine, inputs);
}

/** The next poll, or another attempt at WebSocket if one is due. */
function nextPoll(machine: Machine, inputs: Inputs): Step {
  const { blocked, mode } = machine;
  if (mode === 'poll' || blocked === null || inputs.nowMs < blocked.probeAtMs) return polled(machine);
  return { machine: { ...machine, phase: 'probing', wakeAtMs: null }, effects: [{ do: 'open' }] };
}

function polled(machine: Machine): Step {
  const isFirst = !machine.isProven;
  const waitSeconds = isFirst ? 0 : machine.pollWait.seconds;
  return {
    machine: { ...machine, polls: machine.polls === 0 ? 1 : 2, wakeAtMs: null },
    effects: [{ do: 'poll', waitSeconds, isFirst }],
  };
}

function pollFailed(machine: Machine, event: LinkEvent & { kind: 'failed' }, inputs: Inputs): Step {
  const { elapsedMs = 0, error } = event;
  // Nothing shows that polling works where upgrades do not.
  if (!machine.isProven && machine.blocked?.isAssumed === true)
    return failed({ ...machine, blocked: null }, event, inputs);
  const mayBeCut = machine.isProven && event.retryAfterMs === undefined && CUT.has(error.code);
  if (!mayBeCut) return failed(machine.isProven ? spread(machine) : machine, event, inputs);
  const pollWait = pollCut(machine.pollWait, elapsedMs, inputs.nowMs);
  const livedMs = inputs.nowMs - machine.sinceMs;
  const after = { ...stable(machine, inputs.nowMs), pollWait };
  return livedMs >= STABLE_MS ? ended(after, error, inputs) : lost(after, error, inputs);
}

function whileProbing(machine: Machine, event: LinkEvent, inputs: Inputs): Step {
  if (event.kind === 'upgraded') return upgraded(machine, inputs);
  if (event.kind !== 'refused' && event.kind !== 'failed') return still(machine);
  const { blocked, sinceMs } = machine;
  const probes = (blocked?.probes ?? 0) + 1;
  const error = event.kind === 'refused' ? event.error : (blocked?.error ?? event.error);
  const probeAtMs = inputs.nowMs + probeWaitMs(probes, inputs.random);
  const known = { error, isAssumed: false, probes, probeAtMs };
  const polling: Machine = { ...machine, phase: 'polling', sinceMs, blocked: known };
  const { retryAfterMs: requestedMs = 0 } = event.kind === 'failed' ? event : {};
  if (requestedMs === 0) return polled(polling);
  const pauseMs = waitMs({ attempts: 1, kind: 'later', requestedMs, random: inputs.random });
  return still({ ...polling, wakeAtMs: inputs.nowMs + pauseMs });
}

/** WebSocket does not work here: long polling is used, and WebSocket is tried again later. */
function blockedBy(machine: Machine, event: LinkEvent & { kind: 'refused' | 'failed' }, inputs: Inputs): Step {
  const { blocked: known } = machine;
  const probes = known === null ? 0 : known.probes + 1;
  const nextMs = probeWaitMs(probes, inputs.random);
  const isAssumed = event.kind === 'failed' && (known === null || known.isAssumed);
  const blocked = { error: event.error, isAssumed, probes, probeAtMs: inputs.nowMs + nextMs };
  const polling = { ...moved(machine, 'polling', inputs), blocked, upgradesFailed: 0, isProven: false };
  const next = polled(polling);
  if (isAssumed || known?.isAssumed === false) return next;
  return { machine: next.machine, effects: [say({ kind: 'blocked', error: event.error, nextMs }), ...next.effects] };
}

/** The platform has answered: says so if that is news. */
function proven(machine: Machine, over: LinkMode): Step {
  if (!machine.said.isAwaited) return still(machine);
  const said = { ...machine.said, isAwaited: false };
  return { machine: { ...machine, said }, effects: [say({ kind: 'connected', over })] };
}

/** A poll was answered although upgrades are not: they are blocked. */
function confirmed(machine: Machine, { nowMs }: Inputs): Step {
  const { blocked } = machine;
  if (blocked?.isAssumed !== true) return still(machine);
  const { error, probeAtMs } = blocked;
  const effects = [say({ kind: 'blocked', error, nextMs: probeAtMs - nowMs })];
  return { machine: { ...machine, blocked: { ...blocked, isAssumed: false } }, effects };
}

/** Opening or polling failed. */
function failed(machine: Machine, event: LinkEvent & { kind: 'failed' }, inputs: Inputs): Step {
  const attempts = machine.attempts + 1;
  return pausedBy({ ...machine, attempts }, event.error, { inputs, requestedMs: event.retryAfterMs ?? 0 });
}

/** The next failure is one of a link that worked: all hosts may have it at this moment. */
function spread(machine: Machine): Machine {
  return { ...machine, attempts: Math.max(machine.attempts, SPREAD_ATTEMPT - 1) };
}

/** A link that worked has failed: all hosts may have lost theirs at this moment. */
function lost(machine: Machine, error: CodedError, inputs: Inputs): Step {
  const attempts = spread(stable(machine, inputs.nowMs)).attempts + 1;
  const paused = pausedBy({ ...machine, attempts }, error, { inputs, requestedMs: 0 });
  return { machine: paused.machine, effects: [drop, ...paused.effects] };
}

/** The end of a link that nothing was wrong with, as proxies end tunnels after hours. */
function ended(machine: Machine, error: CodedError, inputs: Inputs): Step {
  const { nowMs } = inputs;
  const waiting = waitingAfter({ ...machine, attempts: SPREAD_ATTEMPT }, { error: null, inputs, requestedMs: 0 });
  const nextMs = (waiting.wakeAtMs ?? nowMs) - nowMs;
  const ends = machine.said.ends + 1;
  const { endAtMs } = machine.said;
  const isNews = endAtMs === null || nowMs - endAtMs >= SAID_AGAIN_MS;
  const said = isNews ? { ...machine.said, endAtMs: nowMs, ends: 0 } : { ...machine.said, ends };
  const news = isNews ? [say({ kind: 'ended', error, ends, nextMs })] : [];
  return { machine: { ...waiting, said }, effects: [drop, ...news] };
}

interface Pause {
  readonly error: CodedError | null;
  readonly inputs: Inputs;
  readonly requestedMs: number;
}

function pausedBy(machine: Machine, error: CodedError, given: Omit<Pause, 'error'>): Step {
  const { nowMs } = given.inputs;
  const waiting = waitingAfter(machine, { ...given, error });
  const { said } = machine;
  const saidAtMs = said.codes[error.code];
  if (saidAtMs !== undefined && nowMs - saidAtMs < SAID_AGAIN_MS) return still(waiting);
  const nextMs = (waiting.wakeAtMs ?? nowMs) - nowMs;
  const known = { ...said, codes: { ...said.codes, [error.code]: nowMs }, isAwaited: true };
  return { machine: { ...waiting, said: known }, effects: [say({ kind: 'failed', error, nextMs })] };
}

function waitingAfter(machine: Machine, { error, inputs, requestedMs }: Pause): Machine {
  const { nowMs, random } = inputs;
  const requested = Math.max(requestedMs, machine.notBeforeMs - nowMs, 0);
  const kind = kindOf(error);
  const wakeAtMs = nowMs + waitMs({ attempts: machine.attempts, kind, requestedMs: requested, random });
  return { ...moved(machine, 'waiting', inputs), polls: 0, failure: error, wakeAtMs };
}

function kindOf(error: CodedError | null): 'later' | 'change' | 'credential' {
  if (error === null || error.entry.retry === 'later') return 'later';
  return error.entry.class === 'auth' ? 'credential' : 'change';
}

/** A stable link forgets earlier failures. */
function stable(machine: Machine, nowMs: number): Machine {
  if (!machine.isProven || nowMs - machine.sinceMs < STABLE_MS || machine.attempts === 0) return machine;
  return { ...machine, attempts: 0 };
}

/** While connected, the next moment is a ping, the end of the wait for a greeting, or the stable minute. */
function planned(machine: Machine): Machine {
  const { sinceMs, isProven, pingAtMs } = machine;
  return { ...machine, wakeAtMs: isProven ? pingAtMs : Math.min(pingAtMs, sinceMs + WELCOME_MS) };
}

function isDue({ wakeAtMs }: Machine, { nowMs }: Inputs): boolean {
  return wakeAtMs !== null && nowMs >= wakeAtMs;
}

function moved(machine: Machine, phase: Phase, { nowMs }: Inputs): Machine {
  return { ...machine, phase, sinceMs: nowMs, wakeAtMs: null };
}

function still(machine: Machine): Step {
  return { machine, effects: [] };
}

/** Takes steps one after the other. */
function chain(machine: Machine, steps: readonly ((machine: Machine) => Step)[]): Step {
  let at = machine;
  const effects: LinkEffect[] = [];
  for (const take of steps) {
    const taken = take(at);
    at = taken.machine;
    effects.push(...taken.effects);
  }
  return { machine: at, effects };
}

const drop: LinkEffect = { do: 'drop' };

function say(what: Saying): LinkEffect {
  return { do: 'say', what };
}
