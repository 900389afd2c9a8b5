// `sallyport activate`, `activation` and `identity`: activates this host, and shows and changes its identity.
//
// Guarantees: a key is never taken from an argument, because every user of the host can read the arguments of a
// process. The last line of `activate` is what this host shows now.

import { exitStatusOf } from '#cli/terminal/failure.ts';
import { printJson } from '#cli/terminal/json.ts';
import { type Terminal, widthOf } from '#cli/terminal/terminal.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import type { Control, Failure } from '#control/control.ts';
import type { ActivationResult } from '#control/platform/activation.ts';
import { outcomeLine } from '#control/platform/outcome.ts';
import { activationRows, identityRows } from '#control/text/activation-rows.ts';
import { timeText } from '#control/text/status-rows.ts';
import { formatRows } from '#control/text/table.ts';
import { coded } from '#errors/coded-error.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { atHop } from '#errors/hop.ts';

/** A key has 19 characters. */
const MAX_KEY_BYTES = 1_024;

/** Where the key or the license comes from. */
export interface ActivateOptions {
  /** Reads the file of the key; null without `--key-file`. */
  readonly keyFile: (() => Promise<string>) | null;
  readonly keyStdin: boolean;
  /** Reads the license; null without `--file`. */
  readonly license: (() => Promise<string>) | null;
  readonly replace: boolean;
  readonly json: boolean;
  readonly signal: AbortSignal;
  /** Keeps the key out of every output of this process. */
  keepSecret(key: string): void;
}

/** Activates. The exit status is that of the failure on the path, or of the refusal. */
export async function activateCommand(control: Control, terminal: Terminal, options: ActivateOptions): Promise<number> {
  const { license, replace, signal } = options;
  if (license !== null) return print(terminal, await control.installLicense(await license(), signal), options);
  const key = await readKey(terminal, options);
  options.keepSecret(key);
  return print(terminal, await control.activate({ key, replace }, signal), options);
}

/** Gives the activation back. */
export async function releaseActivationCommand(
  control: Control,
  terminal: Terminal,
  options: { readonly json: boolean; readonly signal: AbortSignal },
): Promise<number> {
  return print(terminal, await control.releaseActivation(options.signal), options);
}

/** Writes the request of a host without a connection. */
export async function requestCommand(
  control: Control,
  terminal: Terminal,
  { write, output }: { readonly output: string; write(text: string): Promise<void> },
): Promise<number> {
  const { request } = await control.requestActivation();
  await write(request);
  terminal.out(`Wrote the request to ${output}. Send it to the vendor.`);
  terminal.out('To install the license that the vendor makes from it: sallyport activate --file LICENSE');
  return EXIT_OK;
}

/** Shows state and license. */
export async function showActivationCommand(
  control: Control,
  terminal: Terminal,
  { json }: { readonly json: boolean },
): Promise<number> {
  const shown = await control.showActivation();
  if (json) printJson(terminal, shown);
  else for (const line of formatRows(activationRows(shown), { width: widthOf(terminal.screen) })) terminal.out(line);
  return EXIT_OK;
}

/** Shows the identity. */
export async function showIdentityCommand(
  control: Control,
  terminal: Terminal,
  { json }: { readonly json: boolean },
): Promise<number> {
  const { identity } = await control.showActivation();
  if (json) printJson(terminal, identity);
  else for (const line of formatRows(identityRows(identity), { width: widthOf(terminal.screen) })) terminal.out(line);
  return EXIT_OK;
}

/** Replaces the identity after a confirmation. */
export async function resetIdentityCommand(
  control: Control,
  terminal: Terminal,
  { yes }: { readonly yes: boolean },
): Promise<number> {
  if (!yes) {
    if (!terminal.answers.interactive) throw new UsageError('Without a terminal, --yes is needed.');
    const answer = await terminal.answers.line(
      'This host gets a new agent ID and must be activated again. Replace its identity? [y/N] ',
    );
    if (!/^y(?:es)?$/i.test(answer?.trim() ?? '')) throw coded('CANCELLED', { reason: 'the identity was kept' });
  }
  const { agent, aside } = await control.resetIdentity();
  terminal.out(`The new agent ID is ${agent}. This host is not activated.`);
  if (aside !== null) terminal.out(`The previous identity is in ${aside}.`);
  return EXIT_OK;
}

async function readKey(terminal: Terminal, { keyFile, keyStdin }: ActivateOptions): Promise<string> {
  if (keyFile !== null) return (await keyFile()).trim();
  const { answers } = terminal;
  if (keyStdin) return (await answers.piped(MAX_KEY_BYTES)).trim();
  if (!answers.interactive) throw new UsageError('Without a terminal, use --key-stdin or --key-file.');
  const typed = await answers.hidden('Activation key (not shown): ');
  if (typed === null) throw coded('CANCELLED', { reason: 'no key was entered' });
  return typed.trim();
}

function print(terminal: Terminal, result: ActivationResult, { json }: { readonly json: boolean }): number {
  const { activation, failure, cause, outcome } = result;
  if (json) printJson(terminal, result);
  else {
    if (failure === null) for (const line of doneLines(activation)) terminal.out(line);
    else printFailure(terminal, failure);
    terminal.out(outcomeLine(outcome, { ascii: false }));
  }
  return failure === null ? EXIT_OK : exitStatusOf(cause ?? failure);
}

function doneLines({ state, license }: ActivationResult['activation']): string[] {
  if (state !== 'activated' || license === null) return ['The activation was released. Updates continue to work.'];
  const features = license.features.length === 0 ? '' : ` Features: ${license.features.join(', ')}.`;
  return [`Activated with license ${license.id}, valid until ${timeText(license.expires)}.${features}`];
}

function printFailure(terminal: Terminal, { code, message, check, hop, class: group }: Failure): void {
  terminal.err(`[${code}] ${message}`);
  terminal.err(`  ${atHop(hop, group)}${check}`);
}
