// The connection test of `proxy add` and `proxy edit`: tests the connection with the values that the user entered,
// before they are saved.
//
// Guarantees: nothing is written and no setting takes effect. A running daemon runs the test, with its own user and
// environment. If no daemon is running, this process runs it.

import { diagnoseAsking, styleOf } from '#cli/diagnose.ts';
import { type Change, candidateOf } from '#config/editing/apply-change.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import type { Diagnosis } from '#control/control.ts';
import { failedStageLines, verdictLines } from '#control/text/diagnosis-text.ts';
import { CodedError, coded } from '#errors/coded-error.ts';
import { atHop } from '#errors/hop.ts';
import type { CommandContext } from './command-context.ts';
import { askYesNo } from './proxy-form.ts';

/** The change that would be saved, and the name of its profile. */
export interface UnsavedProfile {
  readonly change: Change;
  readonly name: string;
}

/**
 * Offers the test at the terminal. True if the test succeeded, false if it failed and the user saves the profile
 * anyway, null if there was no test. @throws CodedError CANCELLED if the profile is not to be saved
 */
export async function offerTest(
  context: CommandContext,
  loaded: LoadedSettings,
  untested: UnsavedProfile,
): Promise<boolean | null> {
  const { terminal } = context;
  if (!(await askYesNo(terminal, 'Test the connection now?', true))) return null;
  const diagnosis = await testConnection(context, loaded, untested).catch((thrown: unknown) => {
    // Root cannot test while the service is stopped. The values may still be correct.
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
  const style = styleOf(terminal);
  for (const line of verdictLines(verdict, style)) terminal.err(line);
  if (verdict.finding !== null)
    terminal.err(`  ${atHop(verdict.finding.hop, verdict.finding.class)}${verdict.finding.check}`);
  for (const line of failedStageLines(diagnosis, style)) terminal.err(line);
  if (await askYesNo(terminal, 'Save it anyway?', false)) return false;
  throw coded('CANCELLED', { reason: 'the connection did not work' });
}

async function testConnection(
  context: CommandContext,
  loaded: LoadedSettings,
  { change, name }: UnsavedProfile,
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
