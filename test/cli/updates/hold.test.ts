import { describe, expect, it } from 'vitest';
import { holdCommand, publishCommand, releaseCommand } from '#cli/updates/hold.ts';
import { aHold, fakeControl } from '#test/support/fake-control.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';

const NEVER = new AbortController().signal;
const NOW = Date.UTC(2026, 10, 20, 2);
const READY = { id: '1602503', package: 'content', sequence: 3, length: 12, since: '2026-11-20T02:00:00.000Z' };

describe('hold: the command', () => {
  it.each([
    ['2026-11-27T06:00:00Z', '2026-11-27T06:00:00.000Z'],
    ['3d', '2026-11-23T02:00:00.000Z'],
    ['90m', '2026-11-20T03:30:00.000Z'],
  ])('hold: --until %s holds until %s', async (until, expected) => {
    let requested = '';
    const control = fakeControl({
      holdUpdates: (request) => {
        requested = request.until;
        return Promise.resolve({ hold: { ...aHold(), ...request }, replaced: null });
      },
    });
    const terminal = fakeTerminal();
    await holdCommand(control, terminal, { until, reason: 'freeze', json: false, nowMs: NOW });
    expect(requested).toBe(expected);
    expect(terminal.printed[0]).toMatch(/^Updates are on hold until 2026-11-2\d/);
  });

  it.each([
    [{ until: 'soon', reason: 'x' }, /--until needs a time/],
    [{ until: '2020-01-01', reason: 'x' }, /must be in the future/],
    [{ until: '3d', reason: ' ' }, /must not be empty/],
    [{ until: '3d', reason: 'x'.repeat(501) }, /at most 500/],
  ])('hold: refuses %j before it sends a request', async (given, message) => {
    const control = fakeControl({ holdUpdates: () => Promise.reject(new Error('requested')) });
    await expect(holdCommand(control, fakeTerminal(), { ...given, json: false, nowMs: NOW })).rejects.toThrow(message);
  });

  it('hold: names the hold that it replaces, and quotes the text of others', async () => {
    const terminal = fakeTerminal();
    const replaced = { ...aHold(), reason: '\u001b[31mred' };
    const control = fakeControl({ holdUpdates: () => Promise.resolve({ hold: aHold(), replaced }) });
    await holdCommand(control, terminal, { until: '3d', reason: 'freeze', json: false, nowMs: NOW });
    expect(terminal.printed[1]).toContain('set by user 1000 (anna): "');
    expect(terminal.printed.join('\n')).not.toContain('\u001b');
  });

  it('release: lists what is published now, or how to publish it', async () => {
    const released = { released: aHold(), ready: [READY], publishing: true, opens_at: null };
    const terminal = fakeTerminal();
    await releaseCommand(fakeControl({ releaseUpdates: () => Promise.resolve(released) }), terminal, { json: false });
    expect(terminal.printed.slice(1)).toEqual(['Ready to be published: 1602503.', 'The service publishes them now.']);

    const alone = fakeTerminal();
    const none = { released: null, ready: [READY], publishing: false, opens_at: null };
    await releaseCommand(fakeControl({ releaseUpdates: () => Promise.resolve(none) }), alone, { json: false });
    expect(alone.printed).toEqual([
      'There was no hold.',
      'Ready to be published: 1602503.',
      'To publish them now: sallyport check.',
    ]);

    const closed = fakeTerminal();
    const later = { ...none, opens_at: '2026-12-06T01:00:00.000Z' };
    await releaseCommand(fakeControl({ releaseUpdates: () => Promise.resolve(later) }), closed, { json: false });
    expect(closed.printed.slice(2)).toEqual([
      expect.stringMatching(/^They wait for .* \(updates\.window\.publish\)\.$/),
      'To publish them now: sallyport check --now.',
    ]);
  });

  it('publish: says where the package is, or that it was published already', async () => {
    for (const [already, line] of [
      [false, 'Published update ID 7 as /packages/7.jar.'],
      [true, 'Update ID 7 is published already.'],
    ] as const) {
      const terminal = fakeTerminal();
      const control = fakeControl({
        publishUpdate: (id) => Promise.resolve({ id, path: `/packages/${id}.jar`, already }),
      });
      await publishCommand(control, terminal, { id: '7', json: false, signal: NEVER, show: () => undefined });
      expect(terminal.printed).toEqual([line]);
    }
  });
});
