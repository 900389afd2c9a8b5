// Converts the result of a connection test (a probe) to the report about one purpose. Pure: every input is an argument.

import type { Code } from '#errors/catalogue.ts';
import type { CodedError } from '#errors/coded-error.ts';
import { hopText, readHop } from '#errors/hop.ts';
import type { FieldValue } from '#errors/template.ts';
import { shownUrl } from '#http/check-url.ts';
import type { Reason } from '#proxy/reason.ts';
import { causeOf } from './cause.ts';
import type { ObservedEndpoint } from './endpoints.ts';
import { type Observation, observeClock, observePath, observeProxyTls } from './observed.ts';
import { type PlaceOf, placedReason } from './places.ts';
import type { ProbeResult } from './probe.ts';
import type { DiagnosisFinding, ProxyVariables, PurposeReport, Stage } from './report.ts';
import { stageSentence } from './sentences.ts';
import type { ObservedStage } from './watched-router.ts';

/** The inputs of a description in addition to the probe. */
export interface DescribeContext {
  /** Converts a failure to its report form, redacted. */
  toFinding(error: CodedError): DiagnosisFinding;
  /** Masks every known secret. */
  redact<T>(value: T): T;
  readonly placeOf: PlaceOf;
  /** Addresses of a profile's own proxy. */
  addressesOf(profile: string): readonly string[];
  readonly gateways: readonly string[];
  readonly service: ProxyVariables;
  readonly shell: ProxyVariables;
  /**
   * The profile that every purpose uses for this test, instead of that of the settings; null when the settings
   * decide.
   */
  readonly through: string | null;
}

/** Codes of intercepted TLS. */
const INTERCEPTED: ReadonlySet<Code> = new Set<Code>(['TLS-INTERCEPTED', 'TLS-PIN']);

/** The report of one purpose. */
export function describeResult(result: ProbeResult, about: DescribeContext): PurposeReport {
  const { probe, route, failure } = result;
  const observation =
    failure === null ? [observePath(result.part), observeClock(result.responses)].filter(isPresent) : [];
  const missed = failure === null ? result.endpoints.flatMap((one) => one.failure ?? []) : [];
  const weak = failure === null ? observeProxyTls(result.observed) : null;
  const blocked = failure === null ? result.blocked : null;
  const warnings = [
    ...(weak === null ? [] : [weak]),
    ...(blocked === null ? [] : [blocked]),
    ...observation.flatMap(({ warning }) => warning ?? []),
    ...missed,
  ];
  const cause = failure === null ? null : causeOf(failure, failureContext(result, about));
  const stages = [...result.observed, ...observation.map(({ stage }) => stage)].map((observed) =>
    describeStage(observed, result, about),
  );
  if (weak !== null) markWarning(stages, 'proxy_tls', about.toFinding(weak));
  for (const { stage, warning } of observation)
    if (warning !== null) markWarning(stages, stage.stage, about.toFinding(warning));
  return {
    purpose: probe.purpose,
    outcome: outcomeOf(failure !== null, warnings.length > 0),
    target: shownUrl(probe.target),
    enabled: probe.enabled,
    proxy: route?.proxy ?? null,
    how: route?.how ?? null,
    why: whyOf(result, about),
    elapsed_ms: Math.round(result.elapsedMs),
    failure: cause === null ? null : about.toFinding(cause),
    warnings: warnings.map((warning) => about.toFinding(warning)),
    proven: [...new Set(stages.filter(({ outcome }) => outcome === 'ok').map(({ name }) => name))],
    credential_waits: failure !== null && isUnsent(failure),
    stages,
    endpoints: result.endpoints.map(describeEndpoint),
    second_opinion: null,
  };
}

function isPresent(observation: Observation | null): observation is Observation {
  return observation !== null;
}

/** The reasons of the choice. A profile that a test asks for is not a reason from the settings. */
function whyOf({ route }: ProbeResult, { placeOf, through }: DescribeContext): string[] {
  const reasons = (route?.reasons ?? []).map(
    (reason): Reason => (through !== null && reason.kind === 'use' ? { kind: 'tested' } : reason),
  );
  return reasons.map((reason) => placedReason(reason, placeOf));
}

function failureContext(result: ProbeResult, { addressesOf, gateways, service, shell }: DescribeContext) {
  const { failure, observed, route, probe } = result;
  const named = failure?.facts['proxy'];
  const profile = typeof named === 'string' ? named : (route?.proxy ?? null);
  const resolved = observed.flatMap(({ stage, facts }) => (stage === 'resolve' ? listOf(facts['addresses']) : []));
  return {
    purpose: probe.purpose,
    proxyAddresses: profile === null ? [] : [...addressesOf(profile), ...resolved],
    gateways,
    hasNoProxy:
      route !== null &&
      route.proxy === null &&
      !route.reasons.some(({ kind }) => kind === 'exempt' || kind === 'disabled'),
    service,
    shell,
  };
}

function listOf(value: FieldValue): readonly string[] {
  return Array.isArray(value) ? (value as readonly string[]) : [];
}

/** A refusal before any byte was sent is not an attempt: an account that may be locked is not tried automatically. */
function isUnsent({ code, trace }: CodedError): boolean {
  const proven = trace?.proven ?? [];
  return WAITING.has(code) && !proven.includes('dial');
}

const WAITING: ReadonlySet<Code> = new Set<Code>([
  'AUTH-REJECTED',
  'AUTH-DOMAIN',
  'AUTH-INTERRUPTED',
  'AUTH-REBIND',
  'TOKEN-REBIND',
  'AUTH-UNCLEAR',
]);

function describeStage(observed: ObservedStage, result: ProbeResult, about: DescribeContext): Stage {
  const { stage, target, elapsedMs, error } = observed;
  // Redacted before they become a sentence, because the sentence is escaped and cut.
  const facts = about.redact(observed.facts);
  const isOver = error !== null && error === result.met;
  const shown = stage === 'choice' ? { ...facts, why: whyOf(result, about) } : facts;
  const finding = error === null ? null : about.toFinding(error);
  return {
    name: stage,
    target,
    outcome: outcomeOf(isOver, error !== null),
    elapsed_ms: elapsedMs === null ? null : Math.round(elapsedMs),
    says: finding === null ? stageSentence(stage, target, shown) : finding.message,
    code: finding?.code ?? null,
    facts: plain(shown),
  };
}

function markWarning(stages: Stage[], stage: Stage['name'], { code }: DiagnosisFinding): void {
  const at = stages.findLastIndex(({ name }) => name === stage);
  const marked = stages[at];
  if (marked !== undefined) stages[at] = { ...marked, outcome: 'warning', code };
}

/** Facts as JSON, with errors and hops as text. */
function plain(facts: Readonly<Record<string, FieldValue>>): Stage['facts'] {
  const entries = Object.entries(facts).map(([name, value]) => {
    if (value === undefined) return [name, null];
    if (value instanceof Error) return [name, value.message];
    const hop = readHop(value);
    if (hop !== null) return [name, hopText(hop)];
    return [name, Array.isArray(value) ? [...(value as readonly string[])] : value];
  });
  return Object.fromEntries(entries) as Stage['facts'];
}

function describeEndpoint({
  authority,
  tried,
  observed,
  failure,
}: ObservedEndpoint): PurposeReport['endpoints'][number] {
  const tls = observed.findLast(({ stage }) => stage === 'tls');
  const shown = failure?.facts ?? tls?.facts ?? {};
  return {
    endpoint: authority,
    outcome: tried ? reachOf(failure) : 'not tried',
    issuer: textOf(shown['issuer']),
    expires: textOf(shown['expires']),
    code: failure?.code ?? null,
  };
}

function reachOf(failure: CodedError | null): 'ok' | 'intercepted' | 'failed' {
  if (failure === null) return 'ok';
  return INTERCEPTED.has(failure.code) ? 'intercepted' : 'failed';
}

function outcomeOf(hasFailed: boolean, isOdd: boolean): 'ok' | 'warning' | 'failed' {
  if (hasFailed) return 'failed';
  return isOdd ? 'warning' : 'ok';
}

function textOf(value: FieldValue): string | null {
  return typeof value === 'string' ? value : null;
}
