// Test Connection if nothing can be tested: root runs it while the service, which owns the state folder, is stopped.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { offerTest } from '#cli/settings/test-connection.ts';
import { coded } from '#errors/coded-error.ts';
import { CommandRig } from '#test/support/command-rig.ts';
import { fakeAnswers, fakeTerminal } from '#test/support/fake-terminal.ts';

describe('offerTest in the state of another user', () => {
  let rig: CommandRig;
  beforeEach(async () => {
    rig = await CommandRig.make('version: 2\n');
    const refused = coded('STATE-OF-OTHERS', { path: '/var/lib/sallyport', owner: 990, self: 0 });
    rig.over = { openControl: () => Promise.reject(refused) };
  });
  afterEach(() => rig.folder.remove());

  async function offered(answer: string) {
    const terminal = fakeTerminal(
      fakeAnswers([
        ['Test the connection now?', 'y'],
        ['Save it untested?', answer],
      ]),
    );
    const context = rig.context(terminal);
    const loaded = await context.load();
    if (!loaded.ok) throw loaded.error;
    const tested = offerTest(context, loaded, { change: { edits: [] }, name: 'corp' });
    return { tested, terminal };
  }

  it('says why it cannot test, and can save', async () => {
    const { tested, terminal } = await offered('y');
    expect(await tested).toBeNull();
    expect(terminal.errors.join('\n')).toMatch(/not tested\. \/var\/lib\/sallyport .*user ID 990/);
    expect(terminal.errors.join('\n')).toContain("sudo -u '#990' sallyport");
  });

  it('saves nothing unless the user agrees', async () => {
    const { tested } = await offered('');
    await expect(tested).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
