// Runs a diagnosis of the active settings, or of a text of the configuration file that is not active (a candidate). It
// uses the same credential guard, facts about proxies and feed code as a check for updates, and does not affect one
// that is running.
//
// Guarantees: a candidate is checked as at a start. Of its effects, only the state of its secrets and the facts about
// network paths are kept; the latter only if the candidate does not come from a member of the group. Secrets in such a
// candidate are masked only in the response to it. The log gets the result, but not the connections.

import { basename } from 'node:path';
import { findProfile, noDefault } from '#config/editing/profile-edits.ts';
import { keyName } from '#config/problem.ts';
import { credentialKeysOf } from '#config/purpose-settings.ts';
import { PURPOSES, type Purpose } from '#config/purposes.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import { newUses, type SecretUse, usesProxyVariables, usesTicket } from '#config/reading/secret-uses.ts';
import type { Settings } from '#config/settings.ts';
import type { HeldFile } from '#control/change.ts';
import type { Authority } from '#control/control.ts';
import { placesIn } from '#daemon/answers/read-endpoints.ts';
import { toFinding } from '#daemon/failure.ts';
import type { Parts } from '#daemon/parts.ts';
import { diagnosedOutcome } from '#daemon/platform/outcome.ts';
import { readTrusts } from '#daemon/reload/read-trust.ts';
import { diagnose } from '#diagnose/diagnose.ts';
import type { ConfigCandidate, Diagnosis, DiagnosisRequest } from '#diagnose/report.ts';
import type { OpinionSettings } from '#diagnose/second-opinion.ts';
import { proxyVariables } from '#diagnose/shell.ts';
import type { ObservedStage } from '#diagnose/watched-router.ts';
import { coded } from '#errors/coded-error.ts';
import { showForeign } from '#errors/template.ts';
import { userAgentOf } from '#http/purpose-headers.ts';
import { PathHabits } from '#path/habits.ts';
import { secretsInEnvironment } from '#proxy/choosing/environment-proxies.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { type Redactor, redactDeep } from '#redaction/redact.ts';
import { Secret } from '#redaction/secret.ts';
import { utcTime } from '#system/moment.ts';
import { requestBytes } from '#uploads/test-object.ts';
import { MAX_CHUNK_BYTES } from '#uploads/transfer/chunk-size.ts';
import { type ProbedWork, probesFor } from './probes.ts';
import { userName } from './undiagnosed.ts';

/** The request, and a note on the part of the file that is not active because it waits to be confirmed. */
export interface DiagnosisCall extends DiagnosisRequest {
  readonly held?: HeldFile | null;
  readonly authority: Authority;
  /** Called with each stage as soon as it is over. */
  onStage?(purpose: Purpose, stage: ObservedStage): void;
}

/** @throws CodedError what refuses the candidate; the reason of `signal` once it is aborted */
export async function runDiagnosis(parts: Parts, call: DiagnosisCall, signal: AbortSignal): Promise<Diagnosis> {
  const { config, clock, mode } = parts;
  const bounds = call.candidate === null || call.authority === 'admin' ? null : boundsOf(parts);
  const { ports, redactor, known } = bounds ?? { ...parts, known: undefined };
  const loaded = call.candidate === null ? config.loaded : await loadTyped(parts, call.candidate, { ...call, known });
  const given = call.candidate === null ? ports.settings() : loaded.settings;
  const through = call.through === null ? null : profileNamed(given, call.through);
  const settings = withThrough(given, through);
  // A ticket that the active settings do not use is not used for another user either.
  const borrowed = call.authority === 'admin' ? [] : newUses(loaded.secretUses, config.loaded.secretUses);
  const tickets = !borrowed.some(usesTicket);
  refuseVariables(parts, borrowed);
  parts.tokens.bindSecrets(settings, true);
  const router = await parts.routerFor(settings, () => undefined, {
    tickets,
    ...(known === undefined ? {} : { known }),
  });
  const [service, gateways] = [proxyVariables(parts.environment), await parts.gateways()];
  const found = await diagnose({
    router,
    clock,
    signal,
    report: () => undefined,
    upgradeTimeoutMs: settings.response_timeout.base_ms,
    secondOpinion: call.second_opinion === true ? await opinionSettings(parts, settings) : undefined,
    learn: ({ head, connection, url, rangeWorked }) => {
      const etag = head.header('etag') ?? null;
      ports.habits.observe({ proxy: connection.proxyUrl, origin: url.origin, via: head.via, rangeWorked, etag });
    },
    // A change under test has a time limit, and no round uses its settings.
    ...(call.onStage === undefined ? {} : { onStage: call.onStage }),
    probes: probesFor(ports, settings, workOf(parts, call.candidate === null)),
    purposes: call.purposes ?? [...PURPOSES],
    about: {
      toFinding: (error) => toFinding(error, redactor),
      redact: (value) => redactDeep(value, redactor),
      placeOf: placesIn(loaded),
      addressesOf: (name) => settings.proxies.flatMap((one) => (one.name === name ? (one.address ?? []) : [])),
      gateways,
      service,
      through,
      // Without a daemon the two are the same.
      shell: mode === 'daemon' ? call.shell : service,
    },
  });
  if (bounds === null) await ports.habits.save().catch(() => undefined);
  const { code } = found.verdict.finding ?? { code: 'no failure' };
  const what = call.candidate === null ? 'the current settings' : 'settings that are not saved';
  parts.report({ name: 'diagnosed', what, found: code });
  const diagnosis: Diagnosis = {
    as: { user: userName(), pid: process.pid, service: mode === 'daemon' },
    version: ports.agent.version,
    at: utcTime(clock.now()),
    config: loaded.file,
    saved: call.candidate === null,
    through,
    outcome: diagnosedOutcome(parts, settings, found.purposes),
    environment: { service, shell: call.shell },
    ...found,
    notes: [
      ...(call.candidate === null ? [...notesOnFile(parts, call.held ?? null), ...notesOnPaths(ports.habits)] : []),
      ...found.notes,
    ],
  };
  return redactDeep(diagnosis, redactor);
}

/** What updates and uploads send now. The size of a chunk is learned for each origin. */
function workOf({ ports, uploads, clock, activation }: Parts, sendsTestObjects: boolean): ProbedWork {
  const chunkBytes = ({ origin }: URL) =>
    uploads.bundles.opened?.paths.latest(origin, clock.now()).chunk.bytes ?? MAX_CHUNK_BYTES;
  return {
    requestBytes: sendsTestObjects ? (purpose, url) => requestBytes(purpose, ports.settings(), chunkBytes(url)) : null,
    signerFor: (purpose, request) => activation.signerFor(purpose, request),
  };
}

/** The settings for an ordinary Node client: only those that the router of the probe uses. */
async function opinionSettings({ ports: { agent } }: Parts, settings: Settings): Promise<OpinionSettings> {
  const { purposes, proxies } = await readTrusts(settings);
  return {
    userAgent: userAgentOf(agent),
    mayResolve: !settings.proxy_required,
    trustOf: (purpose) => purposes[purpose],
    proxyTrustOf: (name) => proxies.get(name) ?? {},
    secretsOf: (purpose) => credentialKeysOf(settings, purpose),
  };
}

/** An admin whose edit has had no effect should not look for the cause on the network. */
function notesOnFile({ config: { loaded, refused } }: Parts, held: HeldFile | null): string[] {
  const file = showForeign(basename(loaded.file));
  if (refused !== null) {
    const more = refused.count > 1 ? ` (and ${refused.count - 1} more)` : '';
    return [`${file} was rejected and the previous settings are in effect: ${refused.first}${more}`];
  }
  if (held === null) return [];
  return [
    `${file} has been waiting for confirmation since ${held.since} (${held.failure.code}); the previous version is in effect.`,
  ];
}

/** What earlier downloads showed of their paths: a probe is too small to show it. */
function notesOnPaths(habits: PathHabits): string[] {
  return habits.list().flatMap((route) => {
    const { proxy, origin } = route;
    const where = proxy === 'direct' ? 'a direct connection' : showForeign(proxy);
    return habits
      .limitsOf(route)
      .map(({ words, use }) => `Earlier downloads from ${showForeign(origin)} over ${where}: ${words}, so ${use}.`);
  });
}

/** Keeps the contents and results of a candidate of the group out of the process's registry of secrets and habits. */
function boundsOf({ ports, files, clock, redactor: ofProcess }: Parts) {
  const known = new KnownSecrets();
  // The secrets of the process first: masking a part of one would leave the rest visible.
  const redactor: Redactor = { redact: (text) => known.redact(ofProcess.redact(text)) };
  // Never saved.
  const habits = new PathHabits(files, '', { clock, redactor });
  return { ports: { ...ports, habits }, redactor, known };
}

/**
 * Users and passwords in the variables of the service are references as well.
 * @throws CodedError SECRET-NOT-IN-FORCE
 */
function refuseVariables({ environment }: Parts, borrowed: readonly SecretUse[]): void {
  const use = borrowed.find(usesProxyVariables);
  if (use !== undefined && secretsInEnvironment(environment).length > 0)
    throw coded('SECRET-NOT-IN-FORCE', { key: use.key });
}

/**
 * Reads the candidate as a start would. Secrets that were typed for it count as entered now, for the key they belong
 * to.
 */
async function loadTyped(
  { loadCandidate, clock }: Parts,
  { text, typed }: ConfigCandidate,
  { authority, known }: { readonly authority: Authority; readonly known: KnownSecrets | undefined },
): Promise<LoadedSettings> {
  const loaded = await loadCandidate(text, authority, known);
  if (!loaded.ok) throw loaded.error;
  // A typed secret is in the text itself.
  const references = new Set(loaded.secretUses.map(({ path }) => keyName(path)));
  const revision = `typed at ${clock.now()}`;
  const proxies = loaded.settings.proxies.map((profile, index) => {
    const { password } = profile;
    const key = `proxies[${index}].password`;
    if (password === undefined || !typed.includes(key) || references.has(key)) return profile;
    return { ...profile, password: new Secret(password.reveal(), revision) };
  });
  return { ...loaded, settings: { ...loaded.settings, proxies } };
}

/** The name of a profile as the settings spell it. @throws CodedError PROFILE-UNKNOWN, PROFILE-NO-DEFAULT */
function profileNamed(settings: Settings, name: string): string {
  if (name !== 'default') return findProfile(settings, name).profile.name;
  const profile = settings.proxies.find((one) => one.default);
  if (profile !== undefined) return profile.name;
  throw noDefault(settings);
}

/** The settings with this profile for every purpose. */
function withThrough(settings: Settings, through: string | null): Settings {
  if (through === null) return settings;
  const uses = Object.fromEntries(PURPOSES.map((purpose) => [purpose, through])) as Settings['use_proxy_for'];
  return { ...settings, proxy_enabled: true, use_proxy_for: uses };
}
