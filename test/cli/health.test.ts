import { describe, expect, it } from 'vitest';
import { healthCommand } from '#cli/health.ts';
import type { Control, Status } from '#control/control.ts';
import { coded } from '#errors/coded-error.ts';
import { aStatus, fakeControl } from '#test/support/fake-control.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';

const known = { redact: (text: string) => text.replaceAll('hunter2', '***') };

async function ask(find: () => Promise<Control | null>): Promise<[status: number, told: string[]]> {
  const terminal = fakeTerminal();
  const status = await healthCommand(terminal, { find, known });
  return [status, [...terminal.printed]];
}

function daemon(health: Partial<Status['health']> = {}, closed?: () => void): () => Promise<Control> {
  const status = aStatus();
  return () =>
    Promise.resolve(
      fakeControl({
        status: () => Promise.resolve({ ...status, health: { ...status.health, ...health } }),
        close: () => Promise.resolve(closed?.()),
      }),
    );
}

describe('status --check', () => {
  it.each([
    ['ok', 0, 'OK: The last check succeeded 2 h ago. The next is at 2026-11-20T06:07:00. | age=7200s;;259200;0'],
    [
      'warning',
      1,
      'WARNING: The last check succeeded 2 h ago. The next is at 2026-11-20T06:07:00. | age=7200s;;259200;0',
    ],
    [
      'critical',
      2,
      'CRITICAL: The last check succeeded 2 h ago. The next is at 2026-11-20T06:07:00. | age=7200s;;259200;0',
    ],
  ] as const)('is one line and the exit status of the level: %s', async (level, status, line) => {
    expect(await ask(daemon({ level }))).toEqual([status, [line]]);
  });

  it('is critical if no daemon runs, and starts none', async () => {
    expect(await ask(() => Promise.resolve(null))).toEqual([
      2,
      ['CRITICAL: No daemon is running, so nothing is checked.'],
    ]);
  });

  it('is unknown if the state cannot be read, in one line without secrets', async () => {
    const broken = () => Promise.reject(coded('CONTROL-UNREACHABLE', { path: '/run/hunter2.sock', reason: 'EACCES' }));
    expect(await ask(broken)).toEqual([
      3,
      ['UNKNOWN: [CONTROL-UNREACHABLE] Cannot reach the daemon at /run/***.sock: EACCES.'],
    ]);
  });

  it('lets no sentence add performance data', async () => {
    const [, told] = await ask(daemon({ sentence: 'a | b=1', age_seconds: null }));
    expect(told).toEqual(['OK: a / b=1']);
  });

  it('closes its connection to the daemon', async () => {
    let closed = 0;
    await ask(
      daemon({}, () => {
        closed += 1;
      }),
    );
    expect(closed).toBe(1);
  });
});
