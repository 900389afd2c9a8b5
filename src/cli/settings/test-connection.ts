// Test Connection: the way of the work through a profile whose values are not saved, at the end of the questions about it.
//
// Guarantees: nothing is written and nothing comes into force by it. Where a daemon runs it goes the way, with its user and
// its environment; else this process does.

import { diagnoseAsking } from '#cli/diagnose.ts';
import { failedStageLines } from '#cli/diagnosis-text.ts';
import { atHop } from '#cli/terminal/failure.ts';
import { type Change, candidateOf } from '#config/editing/apply-change.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import type { Diagnosis } from '#control/control.ts';
import { CodedError, coded } from '#errors/coded-error.ts';
import type { CommandContext } from './command-context.ts';
import { askYesNo } from './proxy-form.ts';

/** What would be saved, and the profile that it is about. */
export interface Untested {
  readonly change: Change;
  readonly name: string;
}

/**
 * Offers it to somebody at the terminal. True when it was tried and passed, false when it failed and is to be saved all the
 * same; null when it was not tried. @throws CodedError CANCELLED when it is not to be saved
 */
export async function offerTest(
  context: CommandContext,
  loaded: LoadedSettings,
  untested: Untested,
): Promise<boolean | null> {
  const { terminal } = context;
  if (!(await askYesNo(terminal, 'Test the connection now?', true))) return null;
  const diagnosis = await testConnection(context, loaded, untested).catch((thrown: unknown) => {
    // Root, while the service is stopped: the values may be right all the same.
    if (thrown instanceof CodedError && thrown.code === 'STATE-OF-OTHERS') return thrown;
    throw thrown;
  });
  if (diagnosis instanceof CodedError) {
    terminal.err(`The connection was not tested. ${diagnosis.safeText}`);
    terminal.err(`  ${diagnosis.check}`);
    if (await askYesNo(terminal, 'Save it untested?', false)) return null;
    throw coded('CANCELLED', { reason: 'the connection was not tested' });
  }
  const { verdict, purposes } = diagnosis;
  if (purposes.every(({ outcome }) => outcome === 'not configured')) {
    terminal.err('The connection cannot be tested yet: no server is configured (updates.feed_url).');
    return null;
  }
  if (verdict.outcome !== 'failed') {
    terminal.out('The connection works.');
    terminal.out(`  ${verdict.sentence}`);
    return true;
  }
  terminal.err(verdict.sentence);
  if (verdict.finding !== null)
    terminal.err(`  ${atHop(verdict.finding.hop, verdict.finding.class)}${verdict.finding.check}`);
  for (const line of failedStageLines(diagnosis, terminal.screen.color)) terminal.err(line);
  if (await askYesNo(terminal, 'Save it anyway?', false)) return false;
  throw coded('CANCELLED', { reason: 'the connection did not work' });
}

async function testConnection(
  context: CommandContext,
  loaded: LoadedSettings,
  { change, name }: Untested,
): Promise<Diagnosis> {
  const { terminal, signal } = context;
  const candidate = await candidateOf(loaded, change, context.files);
  const request = { purposes: null, shell: context.shell, candidate, through: name };
  const control = await context.openControl();
  try {
    return await diagnoseAsking(control, terminal, { request, signal, retryCredential: false, mayPrompt: true });
  } catch (thrown) {
    throw signal.aborted ? coded('CANCELLED', { reason: 'the test was interrupted' }, thrown) : thrown;
  } finally {
    await control.close();
  }
}
