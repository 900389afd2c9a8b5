// Decides whether a silent proxy is dead, from the answers to probes. A probe is a small request on a connection of its
// own, which the proxy answers without a server and without a credential.
//
// Pure: a state, events with their times, and the next step. Only a probe that the proxy accepted and did not answer is
// evidence of death. A probe that was refused, reset or closed is not, because a proxy that reloads its settings
// refuses connections while its transfers continue. Any answer, and any byte of a transfer through the proxy, cancels
// the evidence. Times are in milliseconds on one monotonic clock.

import {
  type AtLimit,
  type ExpiredLimit,
  type OpenProbe,
  UNKNOWN_PROXY,
  type Witness,
  type WitnessEvent,
  type WitnessRecord,
} from './witness-types.ts';

/** The times of the rule. A test may shorten all of them by one factor. */
export const WITNESS_TIMES = {
  /** Silence before the first probe. */
  firstMs: 4_000,
  /**
   * Up to this deadline, a death is not found before it, so that one probe shows whether the proxy lives: after half of
   * the deadline, but not below `leastMs`.
   */
  shortMs: 30_000,
  leastMs: 1_000,
  /** From one answered probe to the next; the last one repeats. Up to `EARLIER` of it is left out at random. */
  pausesMs: [5_000, 10_000, 15_000],
  /** After this long without an answer, a probe has failed and the next one follows. It stays open. */
  failedMs: 4_000,
  /** A death takes at least this long, and at least `WORST_FACTOR` times the slowest answer. */
  windowMs: 20_000,
  /**
   * Unanswered connection requests are evidence only after this long without a completed connection, if the proxy had
   * accepted a probe and left it unanswered: its process hangs, and then its queue of connections is full. Without that
   * they prove nothing, because firewalls drop new connections for minutes while transfers live (bench/response-timeout).
   */
  unreachableMs: 60_000,
  /** An answer is recent enough for a longer wait up to this age. */
  freshMs: 45_000,
  /** A transfer whose limit has expired waits this long for the answer to an open probe, but not longer than its limit. */
  graceMs: 20_000,
  /** The server may take this long for an answer, and longer behind a slow proxy: see `serverMs`. */
  serverMs: 8_000,
  /** A transfer that breaks this soon after a probe was broken by it. */
  harmMs: 1_000,
  /** A probe is closed after this long, or after two windows if they are longer. */
  lifeMs: 180_000,
} as const;

export type WitnessTimes = {
  readonly [K in keyof typeof WITNESS_TIMES]: K extends 'pausesMs' ? readonly number[] : number;
};

/** Share of a pause that is left out at random, so that clients do not probe in step. */
const EARLIER = 1 / 12;
const WORST_FACTOR = 4;
/** The same for the answer of the server, which comes through the proxy. */
const SERVER_FACTOR = 2;
/** How much of the slowest answer, and of the number of disproved probes, is kept with each later answer. */
const KEPT = 0.98;
/** Probes in a row that a death takes, plus one for each failed probe that an answer or a byte disproved. */
const MIN_FAILED = 3;
const MAX_DISPROVED = 4;
/** A proxy that never answered a probe while this many transfers showed that it lives allows one connection only. */
const MIN_UNANSWERED = 2;
const MAX_UNANSWERED = 9;
/** Probes that are open and count; the same number may be open that no longer count. A death takes up to seven. */
const MAX_OPEN = 8;
/** All open probes of a proxy that never answered one: more would only load it. */
const MAX_OPEN_UNPROVEN = 2;

/** What to do next. */
export type WitnessStep =
  | { readonly do: 'probe' }
  | { readonly do: 'close'; readonly id: number }
  /** The proxy is dead: it accepts connections and is silent, or it no longer completes them. */
  | { readonly do: 'gone'; readonly how: 'silent' | 'unreachable' }
  | { readonly do: 'wait'; readonly untilMs: number };

/**
 * What the witness is doing. `off`: no transfer is open, or probes harm this route. `listening`: nothing is unanswered.
 * `asking`: a probe is unanswered. `doubting`: at least one has failed.
 */
export type WitnessPhase = 'off' | 'listening' | 'asking' | 'doubting';

/** The initial state for a proxy, from its stored record. */
export function newWitness(record: WitnessRecord = UNKNOWN_PROXY): Witness {
  return {
    record,
    silence: null,
    probes: [],
    sent: 0,
    lastSent: null,
    answer: null,
    connectedMs: null,
    wasRefused: false,
  };
}

export function phaseOf(witness: Witness, nowMs: number, times: WitnessTimes = WITNESS_TIMES): WitnessPhase {
  if (witness.silence === null || witness.record.harmful) return 'off';
  const held = heldAgainst(witness);
  if (held.length === 0) return 'listening';
  return held.some(({ sentMs }) => hasFailed(sentMs, nowMs, times)) ? 'doubting' : 'asking';
}

/** The state after an event. Events come in the order of their times, except that bytes may be reported late. */
export function afterEvent(witness: Witness, event: WitnessEvent, times: WitnessTimes = WITNESS_TIMES): Witness {
  switch (event.kind) {
    case 'waits':
      return afterWaits(witness, event);
    case 'byte':
      return afterByte(witness, event.atMs, times);
    case 'sent':
      return afterSent(witness, event, times);
    case 'accepted': {
      const probes = witness.probes.map((probe) =>
        probe.id === event.id ? { ...probe, acceptedMs: event.atMs } : probe,
      );
      return { ...witness, probes, connectedMs: event.atMs };
    }
    case 'answered':
      return afterAnswer(witness, event, times);
    case 'ended':
      return { ...witness, probes: witness.probes.filter(({ id }) => id !== event.id), wasRefused: true };
    case 'connected':
      return { ...witness, connectedMs: event.atMs };
    case 'expired':
      return witness.silence === null ? witness : { ...witness, silence: { ...witness.silence, isExpired: true } };
    case 'cut':
      return wasProbed(witness, event.atMs, times) ? barred(witness) : witness;
    case 'disturbed': {
      const probes = witness.probes.map((probe) => ({ ...probe, counts: false, measures: false }));
      const silence = witness.silence === null ? null : { ...witness.silence, sinceMs: event.atMs };
      return { ...witness, probes, silence, lastSent: null, answer: null };
    }
  }
}

/** The next step at this time. Call it again after each event, and at `untilMs`. */
export function nextStep(witness: Witness, nowMs: number, times: WitnessTimes = WITNESS_TIMES): WitnessStep {
  if (witness.silence === null || witness.record.harmful) return { do: 'wait', untilMs: Number.POSITIVE_INFINITY };
  const deaths = [deathMs(witness, 'silent', times), deathMs(witness, 'unreachable', times)] as const;
  if (nowMs >= deaths[0]) return { do: 'gone', how: 'silent' };
  if (nowMs >= deaths[1]) return { do: 'gone', how: 'unreachable' };
  const oldest = oldestToClose(witness);
  const endsMs = oldest === undefined ? Number.POSITIVE_INFINITY : oldest.sentMs + lifeOf(witness, times);
  if (oldest !== undefined && (nowMs >= endsMs || cleared(witness).length > MAX_OPEN)) {
    return { do: 'close', id: oldest.id };
  }
  const dueMs = probeDueMs(witness, times);
  if (nowMs >= dueMs) return { do: 'probe' };
  return { do: 'wait', untilMs: Math.min(dueMs, endsMs, ...deaths) };
}

/** Whether the proxy answered so recently that the server behind it may be asked before a wait is given up. */
export function isKnownAlive(witness: Witness, nowMs: number, times: WitnessTimes = WITNESS_TIMES): boolean {
  const { answer, record } = witness;
  if (answer === null || record.harmful) return false;
  const overdueMs = Math.max(times.failedMs, record.worstMs);
  if (heldAgainst(witness).some(({ sentMs }) => nowMs - sentMs > overdueMs)) return false;
  return nowMs - answer.atMs <= times.freshMs;
}

/** Whether a transfer gets more time when its limit expires. Call it again after each event, and at `untilMs`. */
export function atLimit(
  witness: Witness,
  nowMs: number,
  { atMs, limitMs, isTotal }: ExpiredLimit,
  times: WitnessTimes = WITNESS_TIMES,
): AtLimit {
  const { record } = witness;
  if (allowsOne(record)) return { do: 'double' };
  if (isTotal || isKnownAlive(witness, nowMs, times)) return { do: 'ask-server' };
  const untilMs = atMs + Math.min(times.graceMs, limitMs);
  const isAsked = heldAgainst(witness).length > 0 || isUntested(witness);
  if (isAsked && nowMs < untilMs) return { do: 'wait', untilMs };
  // Without an answer from this proxy at any time, its silence proves nothing.
  return { do: record.proven === null ? 'double' : 'end' };
}

/** How long the server may take for an answer through this proxy. */
export function serverMs({ record }: Witness, times: WitnessTimes = WITNESS_TIMES): number {
  return Math.min(times.graceMs, Math.max(times.serverMs, SERVER_FACTOR * record.worstMs));
}

/** Whether this proxy never answered a probe, and was not asked in this silence either. */
function isUntested({ record, probes, wasRefused }: Witness): boolean {
  return record.proven === null && probes.length === 0 && !wasRefused;
}

/** Whether a second connection to the proxy breaks a transfer or is never served. */
function allowsOne({ harmful, proven, unanswered }: WitnessRecord): boolean {
  return harmful || (proven === null && unanswered >= MIN_UNANSWERED);
}

function afterWaits(witness: Witness, { atMs, deadlineMs }: WitnessEvent & { readonly kind: 'waits' }): Witness {
  if (deadlineMs === null) return { ...witness, silence: null, probes: [], sent: 0, lastSent: null, wasRefused: false };
  const silence = { sinceMs: atMs, firstByteMs: null, isExpired: false, ...witness.silence, deadlineMs };
  return { ...witness, silence };
}

function afterByte(witness: Witness, atMs: number, times: WitnessTimes): Witness {
  const { silence } = witness;
  if (silence === null) return witness;
  const sinceMs = Math.max(silence.sinceMs, atMs);
  const after = disproved(witness, atMs, times);
  return {
    ...after,
    record: { ...after.record, unanswered: unansweredAfter(witness, atMs, times) },
    wasRefused: false,
    silence: { ...silence, sinceMs, firstByteMs: silence.firstByteMs ?? atMs, isExpired: false },
  };
}

/** A byte shows that the proxy lives, although it did not answer the probes of this silence. */
function unansweredAfter({ record, probes, wasRefused }: Witness, atMs: number, times: WitnessTimes): number {
  if (record.proven !== null) return 0;
  const hasFailedProbe = probes.some(({ counts, sentMs }) => counts && hasFailed(sentMs, atMs, times));
  return wasRefused || hasFailedProbe ? Math.min(MAX_UNANSWERED, record.unanswered + 1) : record.unanswered;
}

function afterSent(
  witness: Witness,
  { atMs, id, probe, random }: WitnessEvent & { readonly kind: 'sent' },
  { pausesMs }: WitnessTimes,
): Witness {
  const pauseMs = (pausesMs[Math.min(witness.sent, pausesMs.length - 1)] ?? 0) * (1 - EARLIER * random);
  const sent: OpenProbe = { id, kind: probe, sentMs: atMs, acceptedMs: null, counts: true, measures: true };
  return { ...witness, probes: [...witness.probes, sent], sent: witness.sent + 1, lastSent: { id, atMs, pauseMs } };
}

function afterAnswer(
  witness: Witness,
  { atMs, id }: WitnessEvent & { readonly kind: 'answered' },
  times: WitnessTimes,
): Witness {
  const answered = witness.probes.find((probe) => probe.id === id);
  if (answered === undefined) return witness;
  const after = disproved(witness, atMs, times);
  const tookMs = atMs - answered.sentMs;
  const { worstMs } = witness.record;
  const record = {
    ...after.record,
    // Answered while a transfer was open: this proxy accepts a second connection.
    proven: witness.silence === null ? after.record.proven : answered.kind,
    worstMs: answered.measures ? Math.max(worstMs * KEPT, tookMs) : worstMs,
    disproved: after.record.disproved * KEPT,
    unanswered: 0,
  };
  const probes = after.probes.filter((probe) => probe.id !== id);
  return { ...after, record, probes, answer: answered.measures ? { atMs, tookMs } : { atMs, tookMs: null } };
}

/** Nothing that was sent until then counts against the proxy any longer. What had failed makes the rule more careful. */
function disproved(witness: Witness, atMs: number, times: WitnessTimes): Witness {
  const isCleared = ({ sentMs }: OpenProbe) => sentMs <= atMs;
  const failed = heldAgainst(witness).filter(
    (probe) => isCleared(probe) && probe.acceptedMs !== null && hasFailed(probe.sentMs, atMs, times),
  ).length;
  const { record } = witness;
  return {
    ...witness,
    record: { ...record, disproved: Math.min(MAX_DISPROVED, record.disproved + failed) },
    probes: witness.probes.map((probe) => (isCleared(probe) ? { ...probe, counts: false } : probe)),
  };
}

/** Whether a probe was sent or accepted so shortly before that it may have broken the transfer. */
function wasProbed({ lastSent, connectedMs, silence }: Witness, atMs: number, { harmMs }: WitnessTimes): boolean {
  if (silence === null || lastSent === null) return false;
  return atMs - Math.max(lastSent.atMs, connectedMs ?? 0) <= harmMs;
}

function barred(witness: Witness): Witness {
  return { ...witness, record: { ...witness.record, harmful: true }, probes: [], lastSent: null };
}

/** When the next probe is due; never while as many as allowed are open. */
function probeDueMs(witness: Witness, times: WitnessTimes): number {
  const { record, silence, probes, sent, lastSent } = witness;
  if (silence === null) return Number.POSITIVE_INFINITY;
  const isUnproven = record.proven === null;
  const open = isUnproven ? probes.length : heldAgainst(witness).length;
  if (open >= (isUnproven ? MAX_OPEN_UNPROVEN : MAX_OPEN)) return Number.POSITIVE_INFINITY;
  // A transfer that would end now has nothing to lose by a probe.
  if (silence.isExpired && isUntested(witness)) return silence.sinceMs;
  const isShort = silence.deadlineMs <= times.shortMs;
  const firstMs = isShort ? Math.max(times.leastMs, silence.deadlineMs / 2) : times.firstMs;
  // Once for a proxy that never answered one, also while bytes arrive: it shows whether the proxy accepts a second
  // connection.
  if (isUnproven && sent === 0 && silence.firstByteMs !== null) return silence.firstByteMs + firstMs;
  const silentMs = silence.sinceMs + firstMs;
  if (lastSent === null) return silentMs;
  const isOpen = probes.some(({ id, counts }) => id === lastSent.id && counts);
  return Math.max(silentMs, lastSent.atMs + (isOpen ? times.failedMs : lastSent.pauseMs));
}

/** When the probes that are open now show a death, if none of them is answered before. */
function deathMs(witness: Witness, how: 'silent' | 'unreachable', times: WitnessTimes): number {
  const { record, connectedMs } = witness;
  const held = heldAgainst(witness);
  const against = how === 'unreachable' ? held : held.filter(({ acceptedMs }) => acceptedMs !== null);
  const [first, last] = [against[0], against[MIN_FAILED + Math.round(record.disproved) - 1]];
  if (record.proven === null || first === undefined || last === undefined) return Number.POSITIVE_INFINITY;
  const deadMs = Math.max(first.sentMs + windowOf(witness, times), last.sentMs + times.failedMs);
  if (how === 'silent') return deadMs;
  const unansweredMs = held.find(({ acceptedMs }) => acceptedMs === null)?.sentMs ?? Number.POSITIVE_INFINITY;
  if (held.every(({ acceptedMs }) => acceptedMs === null)) return Number.POSITIVE_INFINITY;
  return Math.max(deadMs, Math.max(unansweredMs, connectedMs ?? 0) + times.unreachableMs);
}

function windowOf({ record }: Witness, times: WitnessTimes): number {
  return Math.max(times.windowMs, WORST_FACTOR * record.worstMs);
}

/** Probes that no longer count are closed first. */
function oldestToClose(witness: Witness): OpenProbe | undefined {
  return cleared(witness)[0] ?? witness.probes[0];
}

function lifeOf(witness: Witness, times: WitnessTimes): number {
  return Math.max(times.lifeMs, 2 * windowOf(witness, times));
}

function cleared({ probes }: Witness): readonly OpenProbe[] {
  return probes.filter(({ counts }) => !counts);
}

function heldAgainst({ probes }: Witness): readonly OpenProbe[] {
  return probes.filter(({ counts }) => counts);
}

function hasFailed(sentMs: number, nowMs: number, { failedMs }: WitnessTimes): boolean {
  return nowMs - sentMs >= failedMs;
}
