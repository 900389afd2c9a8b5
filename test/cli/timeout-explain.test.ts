import { describe, expect, it } from 'vitest';
import { explainTimeoutCommand } from '#cli/timeout-explain.ts';
import type { TimeoutExplanation } from '#control/timeouts.ts';
import { anExplanation, fakeControl } from '#test/support/fake-control.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';

async function print(explanation: TimeoutExplanation, over: { json?: boolean; tty?: boolean; size?: number } = {}) {
  const terminal = fakeTerminal();
  const asked: (number | null)[] = [];
  const control = fakeControl({
    explainTimeout: (size) => {
      asked.push(size);
      return Promise.resolve(explanation);
    },
  });
  const screen = { ...terminal.screen, tty: over.tty ?? false };
  const options = { size: over.size ?? null, json: over.json ?? false };
  const status = await explainTimeoutCommand(control, { ...terminal, screen }, options);
  return { status, asked, lines: terminal.printed };
}

describe('timeout explain', () => {
  it('shows the plans of each route, their evidence and their last change', async () => {
    const { status, lines, asked } = await print(anExplanation(), { size: 48 });
    expect([status, asked]).toEqual([0, [48]]);
    expect(lines).toEqual([
      'Adaptive: timeouts of 10 s to 2 h for the first byte and each silence, and up to 24 h for the whole transfer.',
      '',
      'https://updates.example.com through http://proxy.example.com:3128: held back until scanned',
      '  SIZE      FIRST BYTE  SILENCE  TOTAL       EXPECTED',
      '  1.0 MB    10 s        21 s     15 s        4 s',
      '  10.0 MB   16 s        21 s     24 s        6.4 s',
      '  100.0 MB  2 min 11 s  21 s     3 min 17 s  52 s',
      '  Why: 2 s plus 2.5 times the longest of 6 recent waits (0.5 s + 0.51 s per MB).',
      '  Evidence: 6 verified downloads of up to 100.0 MB, the newest at 2026-11-20T00:05:07.000Z; the longest wait was 51 s, for 100.0 MB.',
      '  Last change, at 2026-11-20T00:05:07.000Z: from 6 min 40 s to 2 min 11 s for 100.0 MB (before: no history of this route; now: 2 s plus 2.5 times the longest of 6 recent waits (0.5 s + 0.51 s per MB)).',
    ]);
  });

  it('draws a chart on a terminal', async () => {
    const { lines } = await print(anExplanation(), { tty: true });
    expect(lines).toContain(`  100.0 MB |${'#'.repeat(16)}${'.'.repeat(24)} 2 min 11 s`);
  });

  it('prints everything as JSON with --json', async () => {
    const { lines } = await print(anExplanation(), { json: true });
    expect(JSON.parse(lines.join('\n'))).toEqual(anExplanation());
  });

  it('shows a fixed timeout, and that no route is known', async () => {
    const { lines } = await print(anExplanation({ mode: 'fixed', routes: [] }));
    expect(lines).toEqual([
      'Fixed: 30 s for the first byte and for each silence (response_timeout.base_ms), for every size.',
      'No route is known yet (updates.feed_url).',
    ]);
  });

  it.each([false, true])('lets no name control the terminal (--json: %s)', async (json) => {
    const bad = '\u001b[2J\u009bx\n';
    const [route] = anExplanation().routes;
    const routes = route === undefined ? [] : [{ ...route, proxy: bad, origin: bad, kind: bad }];
    expect((await print(anExplanation({ routes }), { json })).lines.join('\n')).not.toMatch(/[^\n\u0020-\u007e]/);
  });
});
