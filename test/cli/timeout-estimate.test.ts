import { describe, expect, it } from 'vitest';
import { estimateCommand } from '#cli/timeout-estimate.ts';
import type { EstimateReport } from '#estimate/estimate.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';
import { estimateFrom, MANUAL_LINES, vendorLine } from '#test/support/old-log.ts';

async function print(report: EstimateReport, json = false) {
  const terminal = fakeTerminal();
  const status = await estimateCommand(terminal, { json, estimate: () => Promise.resolve(report) });
  return { status, lines: terminal.printed, json: json ? JSON.parse(terminal.printed.join('\n')) : null };
}

const OTHER_LINES =
  vendorLine('2013-06-06T00:00:00', 'Downloading update ID 7.') +
  vendorLine('2013-06-06T00:00:05', 'Downloading update ID 7.') +
  vendorLine('2013-06-06T00:00:10', 'Acknowledging receipt of update ID 7.');

describe('timeout estimate', () => {
  it('shows measurements, estimates and the recommendation', async () => {
    const report = await estimateFrom({ 'nsc.log': MANUAL_LINES + OTHER_LINES }, { 'u1602503.jar': 2_000_000 });
    const { status, lines } = await print(report);
    expect(status).toBe(0);
    expect(lines.slice(2)).toEqual([
      'ID       ENDED                SIZE    ELAPSED  LONGEST SILENCE  RATE       NOTE',
      '1602503  2013-06-05T00:05:07  2.0 MB  57 s     53 s             35.1 KB/s',
      '7        2013-06-06T00:00:10  -       5 s      5 s              -          no .JAR with this ID; measured from attempt 2, the last one',
      '',
      '1 started again without an acknowledgement in between; measured from the last start.',
      '',
      'Estimated times by package size, from the slowest downloads in the log:',
      'SIZE     ELAPSED     LONGEST SILENCE',
      '2.0 MB   57 s        53 s',
      '4.0 MB   114 s       106 s',
      '10.0 MB  4 min 45 s  4 min 25 s',
      '20.0 MB  9 min 30 s  8 min 50 s',
      '',
      'Longest silence in the log: 53 s; multiplied by 2, that is less than 5 minutes, the minimum that the manual recommends.',
      'Recommended: response_timeout.base_ms: 300000',
    ]);
  });

  it('prints everything as JSON under stable names', async () => {
    const report = await estimateFrom({ 'nsc.log': MANUAL_LINES }, { 'u1602503.jar': 2_000_000 });
    const { json } = await print(report, true);
    expect(json).toMatchObject({
      packages: [
        {
          id: '1602503',
          file: 'u1602503.jar',
          size: 2_000_000,
          began: '2013-06-05T00:04:10.000Z',
          elapsed_ms: 57_000,
          longest_silence_ms: 53_000,
          bytes_per_second: 35_088,
        },
      ],
      recommended: { base_ms: 300_000, longest_silence_seen_ms: 53_000, margin: 2, tip_decides: true },
    });
  });

  it('shows the latest twenty and counts the rest', async () => {
    const report = await estimateFrom({ 'nsc.log': OTHER_LINES });
    const [one] = report.packages;
    const packages = Array.from({ length: 25 }, () => one ?? report.packages[0]!);
    expect((await print({ ...report, packages })).lines).toContain('5 earlier downloads not shown; --json lists all.');
  });

  it('reports that no size is known', async () => {
    const { lines } = await print(await estimateFrom({ 'nsc.log': OTHER_LINES }));
    expect(lines).toContain('No size is known, so larger packages cannot be estimated.');
  });

  it('lets no id or file name control the terminal', async () => {
    const report = await estimateFrom({ 'nsc.log': OTHER_LINES });
    const logs = [{ path: '/x\u001b[2J\n', lines: 1, problem: null }];
    const packages = report.packages.map((one) => ({ ...one, id: '\u001b[31m' }));
    for (const json of [false, true]) {
      expect((await print({ ...report, logs, packages }, json)).lines.join('\n')).not.toMatch(/[^\n\u0020-\u007e]/);
    }
  });
});
