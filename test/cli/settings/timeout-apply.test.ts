import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applyEstimateCommand } from '#cli/settings/timeout-apply.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import type { TimeoutSeeded, TimeoutSeeds } from '#control/timeouts.ts';
import { coded } from '#errors/coded-error.ts';
import type { EstimateReport } from '#estimate/estimate.ts';
import { CommandRig, type Script } from '#test/support/command-rig.ts';
import { estimateFrom, MANUAL_LINES, vendorLine } from '#test/support/old-log.ts';

const TEXT = `version: 2
response_timeout:
  base_ms: 30000 # the default
`;
const ROUTE = { proxy: 'http://proxy.example.com:3128', origin: 'https://updates.example.com' };
const SLOW_LINES =
  vendorLine('2013-06-06T00:00:00', 'Downloading update ID 7.') +
  vendorLine('2013-06-06T00:10:00', 'Acknowledging receipt of update ID 7.');

let rig: CommandRig;
let taught: TimeoutSeeds | null;
beforeEach(async () => {
  rig = await CommandRig.make(TEXT);
  taught = null;
});
afterEach(() => rig.folder.remove());

const fromManual = () => estimateFrom({ 'nsc.log': MANUAL_LINES }, { '1602503.jar': 2_000 });
const fromSlow = () => estimateFrom({ 'nsc.log': SLOW_LINES }, { '7.jar': 2_000 });

function apply(
  estimate: () => Promise<EstimateReport>,
  over: { json?: boolean; yes?: boolean; seed?: () => Promise<TimeoutSeeded | null> } = {},
  script?: Script,
) {
  const seed = (seeds: TimeoutSeeds) => {
    taught = seeds;
    return Promise.resolve({ route: ROUTE, taken: seeds.length, known_before: 0 });
  };
  return rig.run(
    (context) => applyEstimateCommand(context, { json: false, yes: false, estimate, seed, ...over }),
    script,
  );
}

describe('timeout estimate --apply', () => {
  it('writes the recommended value in place, and stores the samples', async () => {
    const { status, out, asked } = await apply(fromManual);
    expect([status, asked]).toEqual([0, []]);
    expect(await rig.text()).toBe(TEXT.replace('30000', '300000'));
    expect(out).toContain('response_timeout.base_ms is 300000; it was 30000.');
    expect(out).toContain(
      'Learned from 1 download for https://updates.example.com through http://proxy.example.com:3128.',
    );
    const measured = { id: '1602503', size: 2_000, elapsed_ms: 57_000, longest_silence_ms: 53_000 };
    expect(taught).toEqual([{ ...measured, ended_at: Date.UTC(2013, 5, 5, 0, 5, 7) }]);
  });

  it('adds the key if the file does not have it', async () => {
    await rig.folder.remove();
    rig = await CommandRig.make('version: 2\n');
    await apply(fromManual);
    expect(await rig.text()).toContain('base_ms: 300000');
  });

  it('keeps a longer value, and stores the samples', async () => {
    await rig.folder.remove();
    rig = await CommandRig.make(TEXT.replace('30000', '400000'));
    const { out } = await apply(fromManual);
    expect(await rig.text()).toContain('base_ms: 400000');
    expect(out.some((line) => line.endsWith('already has this setting; nothing was written.'))).toBe(true);
    expect(taught).toHaveLength(1);
  });

  it('asks before it increases the value more than tenfold', async () => {
    await expect(apply(fromSlow, {}, [['Save it?', 'n']])).rejects.toMatchObject({ code: 'CANCELLED' });
    expect([await rig.text(), taught]).toEqual([TEXT, null]);
    await apply(fromSlow, {}, [['Save it?', 'y']]);
    expect(await rig.text()).toContain('base_ms: 1200000');
  });

  it('requires --yes for that without a terminal', async () => {
    await expect(apply(fromSlow)).rejects.toBeInstanceOf(UsageError);
    expect(await rig.text()).toBe(TEXT);
    expect((await apply(fromSlow, { yes: true })).status).toBe(0);
  });

  it('prints one JSON object with --json', async () => {
    const { out } = await apply(fromManual, { json: true });
    expect(JSON.parse(out.join('\n'))).toMatchObject({
      recommended: { base_ms: 300_000 },
      before: 30_000,
      changed: true,
      seeded: { taken: 1 },
    });
  });

  it('writes the file even if the samples cannot be stored', async () => {
    const seed = () => Promise.reject(coded('CONTROL-UNREACHABLE', { path: '/run/x', reason: 'EACCES' }));
    const { status, err } = await apply(fromManual, { seed });
    expect(status).toBe(0);
    expect(err.join('\n')).toContain('CONTROL-UNREACHABLE');
    expect(await rig.text()).toContain('base_ms: 300000');
  });

  it('stores no sample that overlapped, was resumed, or has no file', async () => {
    const report = await fromManual();
    const [one] = report.packages;
    const changes = [{ overlapped: true }, { resumed: true }, { size: null }];
    const packages = one === undefined ? [] : changes.map((change) => ({ ...one, ...change }));
    const { out } = await apply(() => Promise.resolve({ ...report, packages }));
    expect(taught).toBeNull();
    expect(out).toContain('Nothing to learn from: no download matches a .JAR in the folder.');
  });
});
