// Answers the requests of `sallyport activate`, `activation` and `identity`.
//
// Guarantees: before a valid activation key is used, it is registered as a secret, so that every output of this process
// masks it. A text that is not a key is never masked.

import type { Failure, Verbs } from '#control/control.ts';
import type { ACTIVATION_VERBS, ActivationResult, ShownActivationState } from '#control/platform/activation.ts';
import type { Caller, HandlersOf } from '#control/verb.ts';
import { toFailure } from '#daemon/failure.ts';
import type { Parts } from '#daemon/parts.ts';
import { requesterOf } from '#daemon/updates/requester.ts';
import { asCoded, CodedError } from '#errors/coded-error.ts';
import type { Activation } from '#platform/activation/activation.ts';
import { utcTime } from '#system/moment.ts';
import { outcomeAfter } from './outcome.ts';

type ActivationVerbs = Pick<Verbs, keyof typeof ACTIVATION_VERBS>;

/** Keys that are masked until a restart; later ones only for a while, so that callers cannot fill the memory. */
const MAX_KEPT_KEYS = 8;

export function activationHandlers(parts: Parts): HandlersOf<ActivationVerbs> {
  const { activation: host, known } = parts;
  let entered = 0;
  return {
    showActivation: async () => (host.isNeeded ? describeActivation(parts, await host.open()) : notNeeded(parts)),
    activate: async ({ request: { key: text, replace }, signal, ...caller }) => {
      const { readMaskedKey } = await import('#control/platform/activation-key.ts');
      entered += 1;
      const key = readMaskedKey(text, (form) => known.add(form, entered > MAX_KEPT_KEYS ? 'once' : undefined));
      const type = replace ? 'replace' : 'activate';
      const what = replace ? 'replacing a lost installation' : 'with a key';
      return await attempt(parts, caller, { what, isOnline: true }, (activation) =>
        activation.activate(type, key, signal),
      );
    },
    installLicense: async ({ request: license, ...caller }) =>
      await attempt(parts, caller, { what: 'with a license file', isOnline: false }, (activation) =>
        activation.install(license),
      ),
    requestActivation: async () => ({ request: await (await host.open()).offlineRequest() }),
    releaseActivation: async ({ signal, ...caller }) =>
      await attempt(parts, caller, { what: 'release', isOnline: true }, (activation) => activation.release(signal)),
    resetIdentity: async (caller) => {
      const { by } = await requesterOf(parts, caller);
      const { agent, aside } = await host.resetIdentity();
      parts.platform.service?.identityChanged();
      parts.report({ name: 'identity-reset', by, agent });
      return { agent, aside };
    },
  };
}

/** Does it, and returns the result in every case. */
async function attempt(
  parts: Parts,
  caller: Caller,
  { what, isOnline }: { readonly what: string; readonly isOnline: boolean },
  work: (activation: Activation) => Promise<unknown>,
): Promise<ActivationResult> {
  const { by } = await requesterOf(parts, caller);
  parts.report({ name: 'activation-requested', what, by });
  const activation = await parts.activation.open();
  let failed: CodedError | null = null;
  try {
    await work(activation);
  } catch (thrown) {
    failed = asCoded(thrown);
    if (failed.code === 'INTERNAL' || failed.code === 'LICENSE-KEY') throw failed;
    parts.report({ name: 'activation-failed', error: failed, hop: failed.place });
  }
  const toShown = (error: CodedError | null): Failure | null =>
    error === null ? null : toFailure(error, parts.redactor);
  return {
    activation: describeActivation(parts, activation),
    failure: toShown(failed),
    cause: failed?.facts['cause'] instanceof CodedError ? toShown(failed.facts['cause']) : null,
    outcome: outcomeAfter(parts, { failed, isOnline }),
  };
}

/** A host without an identity gets none because someone looks. */
function notNeeded(parts: Pick<Parts, 'ports' | 'redactor'>): ShownActivationState {
  const nothing = { identity: null, license: null, problem: null, renewal: null };
  return { state: 'unactivated', used: false, keys: describeKeys(parts), ...nothing };
}

/** What is shown of an activation. */
function describeActivation(parts: Pick<Parts, 'ports' | 'redactor'>, { shown }: Activation): ShownActivationState {
  const { state, isUsed, identity, license, problem, renewal } = shown;
  const toShown = (error: CodedError | null) => (error === null ? null : toFailure(error, parts.redactor));
  return {
    state,
    used: isUsed,
    keys: describeKeys(parts),
    identity:
      identity === null
        ? null
        : {
            agent: identity.agent,
            public_key: identity.publicKey,
            created_at: utcTime(identity.createdAtMs),
            key_in: identity.keyIn,
            bound: identity.isBound,
          },
    license:
      license === null
        ? null
        : {
            id: license.id,
            agent: license.agent,
            site: license.site,
            not_before: utcTime(license.notBeforeMs),
            expires: utcTime(license.expiresMs),
            features: [...license.features],
          },
    problem: toShown(problem),
    renewal: toShown(renewal),
  };
}

function describeKeys({ ports, redactor }: Pick<Parts, 'ports' | 'redactor'>): ShownActivationState['keys'] {
  const { license_keys: configured, license_keys_target: target } = ports.settings().activation;
  const { licenseKeys } = ports.trust;
  const readAtMs = licenseKeys.readAtMs(target);
  return {
    configured: configured.length,
    target: target ?? null,
    from_target: licenseKeys.keysOf(target).length,
    read_at: readAtMs === null ? null : utcTime(readAtMs),
    failure: licenseKeys.failure === null ? null : toFailure(licenseKeys.failure, redactor),
  };
}
