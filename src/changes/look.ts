// Gives a menu whose user cannot read the configuration what it shows: the proxy settings without secrets, and the
// state of the connection.
//
// Guarantees: if a PIN is set, nothing is returned before the right PIN was given. The answer to a wrong PIN is
// delayed, and the wrong PIN is logged. The PIN protects the screen, not the socket. The menu limits the attempts, but
// a member of the group can write to the socket directly and try every 4-digit PIN within hours. Changes and activation
// need no PIN, because members of the group may change the proxy anyway.

import type { LoadResult } from '#config/reading/load.ts';
import type { Control } from '#control/control.ts';
import { wireError } from '#control/wire-error.ts';
import { coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import { Secret } from '#redaction/secret.ts';
import { type Clock, wait } from '#system/clock.ts';
import { checkPin } from './pin.ts';
import { proxyFacts } from './proxy/facts.ts';
import { type Activated, activateBy, readOutcome } from './proxy/outcome.ts';
import type { LookAnswer, LookRequest } from './request.ts';

export interface LookParts {
  readonly clock: Clock;
  load(): Promise<LoadResult>;
  findDaemon(): Promise<Control | null>;
  readonly report: Report;
  readonly requester: string;
  readonly signal: AbortSignal;
}

/** The delay after a wrong PIN, in milliseconds. */
const WRONG_PIN_MS = 2_000;

/** Answers a look. @throws CodedError CONTROL-*, the reason of the signal */
export async function answerLook({ pin }: LookRequest, parts: LookParts): Promise<LookAnswer> {
  const { clock, signal, report, requester } = parts;
  const loaded = await parts.load();
  if (!loaded.ok) return { state: 'refused', error: wireError(loaded.error), problems: loaded.problems.slice(0, 1) };
  const verdict = checkPin(loaded.settings.menu.pin, pin);
  if (verdict === 'wrong') {
    report({ name: 'menu-pin-wrong', who: requester });
    await wait(clock, WRONG_PIN_MS, signal);
  }
  if (verdict !== 'open') return { state: 'locked', is_wrong: verdict === 'wrong' };
  return { state: 'seen', facts: proxyFacts(loaded), outcome: await readOutcome(() => parts.findDaemon()) };
}

/** Activates this host. @throws CodedError CHANGE-UNTRIED if no daemon runs, LICENSE-KEY */
export async function answerActivate(
  key: string,
  { findDaemon, keepSecret }: Pick<LookParts, 'findDaemon'> & { keepSecret(value: Secret): void },
  signal: AbortSignal,
): Promise<Activated> {
  const { readMaskedKey } = await import('#control/platform/activation-key.ts');
  readMaskedKey(key, (form) => keepSecret(new Secret(form)));
  const control = await findDaemon();
  if (control === null) throw coded('CHANGE-UNTRIED', {});
  return await activateBy(control, key, signal);
}
