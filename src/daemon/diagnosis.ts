// A diagnosis with the parts of the work: the settings in force or a candidate, the ledger, what proxies told, the feed's
// own code. It runs beside a round and in nobody's way; lanes that it opens are not told in the log, its verdict is.
//
// Guarantees: a candidate is judged as a start would judge it, and nothing of it stays but what became of its secrets.
// What it shows of a path goes to the habits.

import { userInfo } from 'node:os';
import { basename } from 'node:path';
import type { LoadedSettings } from '#config/load.ts';
import type { Settings } from '#config/settings.ts';
import { diagnose } from '#diagnose/diagnose.ts';
import type { Candidate, Diagnosis, DiagnosisRequest } from '#diagnose/report.ts';
import { proxyVariables } from '#diagnose/shell.ts';
import { PURPOSES } from '#proxy/route.ts';
import { redactDeep } from '#redaction/redact.ts';
import { Secret } from '#redaction/secret.ts';
import type { Parts } from './compose.ts';
import { toFailure } from './failure.ts';
import { probesFor } from './probes.ts';

/** @throws CodedError what refuses the candidate; the reason of `signal` once it is aborted */
export async function runDiagnosis(parts: Parts, asked: DiagnosisRequest, signal: AbortSignal): Promise<Diagnosis> {
  const { ports, config, redactor, clock, mode } = parts;
  const loaded = asked.candidate === null ? config.loaded : await judge(parts, asked.candidate);
  const settings = withThrough(asked.candidate === null ? ports.settings() : loaded.settings, asked.through);
  const router = await parts.routerFor(settings, () => undefined);
  const [service, gateways] = [proxyVariables(parts.environment), await parts.gateways()];
  const found = await diagnose({
    router,
    clock,
    signal,
    report: () => undefined,
    upgradeTimeoutMs: settings.response_timeout.base_ms,
    probes: probesFor(ports, settings),
    purposes: asked.purposes ?? [...PURPOSES],
    about: {
      toFinding: (error) => toFailure(error, redactor),
      redact: (value) => redactDeep(value, redactor),
      placeOf: (key) => {
        const place = loaded.lineOf(key);
        return place === null ? null : `${basename(loaded.file)}:${place.line}`;
      },
      addressesOf: (name) => settings.proxies.flatMap((one) => (one.name === name ? (one.address ?? []) : [])),
      gateways,
      service,
      // Without a daemon the two are one.
      shell: mode === 'daemon' ? asked.shell : service,
    },
  });
  await ports.habits.save().catch(() => undefined);
  const { code } = found.verdict.finding ?? { code: 'no failure' };
  const what = asked.candidate === null ? 'the settings in force' : 'settings that are not saved';
  parts.report({ name: 'diagnosed', what, found: code });
  const diagnosis: Diagnosis = {
    as: { user: userName(), pid: process.pid, service: mode === 'daemon' },
    version: ports.agent.version,
    at: new Date(clock.now()).toISOString(),
    config: loaded.file,
    saved: asked.candidate === null && asked.through === null,
    environment: { service, shell: asked.shell },
    ...found,
  };
  return redactDeep(diagnosis, redactor);
}

/** Reads the candidate as a start would. Secrets that were typed for it count as entered now, for where they stand. */
async function judge({ judge, clock }: Parts, { text, typed }: Candidate): Promise<LoadedSettings> {
  const loaded = await judge(text);
  if (!loaded.ok) throw loaded.error;
  const revision = `typed at ${clock.now()}`;
  const proxies = loaded.settings.proxies.map((profile, index) => {
    const { password } = profile;
    if (password === undefined || !typed.includes(`proxies[${index}].password`)) return profile;
    return { ...profile, password: new Secret(password.reveal(), revision) };
  });
  return { ...loaded, settings: { ...loaded.settings, proxies } };
}

/** As if every purpose asked for this profile. */
function withThrough(settings: Settings, through: string | null): Settings {
  if (through === null) return settings;
  const uses = Object.fromEntries(PURPOSES.map((purpose) => [purpose, through])) as Settings['use_proxy_for'];
  return { ...settings, proxy_enabled: true, use_proxy_for: uses };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A number without a name, as in some containers.
    return String(process.getuid?.() ?? 'unknown');
  }
}
