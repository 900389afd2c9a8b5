import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EstimateReport } from '#estimate/estimate.ts';
import { estimateFrom, MANUAL_LINES, vendorLine } from '#test/support/old-log.ts';

const brief = ({ packages }: EstimateReport) =>
  packages.map(({ id, size, elapsedMs, silenceMs }) => [id, size, elapsedMs, silenceMs]);

/** A download of this many seconds, all of them silent. */
function download(id: string, day: number, seconds: number): string {
  const date = `2013-06-${String(day).padStart(2, '0')}`;
  const two = (value: number) => String(value).padStart(2, '0');
  return (
    vendorLine(`${date}T00:00:00`, `Downloading update ID ${id}.`) +
    vendorLine(
      `${date}T00:${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`,
      `Acknowledging receipt of update ID ${id}.`,
    )
  );
}

describe("the manual's own lines", () => {
  it('give 57 s, of which 53 s were silent', async () => {
    const report = await estimateFrom({ 'nsc.log': MANUAL_LINES }, { 'update-1602503.JAR': 2_000 });
    expect(brief(report)).toEqual([['1602503', 2_000, 57_000, 53_000]]);
    expect(report.advice).toMatchObject({ baseMs: 300_000, observedMs: 53_000 });
  });

  it.each([
    ['with the line ends of Windows', MANUAL_LINES.replaceAll('\n', '\r\n')],
    ['not wrapped', MANUAL_LINES.replaceAll(/\n(?!2013|$)/g, ' ')],
    ['wrapped at every word', MANUAL_LINES.replaceAll(' ', '\n').replaceAll(/T(.{8})\n/g, 'T$1 ')],
    [
      'inside the page of the manual',
      `Open the nsc.log file:\n~~~~\n${MANUAL_LINES.replaceAll(/\n(?=2013)/g, '\n~~~~\n~~~~\n')}~~~~\nNote it.`,
    ],
    ['without the last line end', MANUAL_LINES.trimEnd()],
    ['among others', MANUAL_LINES.replaceAll(/^(2013\S+)/gm, '$1 [WARN] [Thread: Scan] java.lang.X\n\tat y\n$1')],
  ])('are read %s', async (_how, text) => {
    expect(brief(await estimateFrom({ 'nsc.log': text }))).toEqual([['1602503', null, 57_000, 53_000]]);
  });
});

describe('rotated logs', () => {
  it('are one log: a download may begin in one file and end in the next', async () => {
    const lines = MANUAL_LINES.split(/(?<=\n)(?=2013)/);
    const report = await estimateFrom(
      {
        'nsc.log': lines.slice(3).join(''),
        'nsc.log.gz.0': gzipSync(lines.slice(1, 3).join('')),
        'nsc.log.gz.1': gzipSync(lines.slice(0, 1).join('')),
      },
      {},
      { named: ['nsc.log'] },
    );
    expect(brief(report)).toEqual([['1602503', null, 57_000, 53_000]]);
    expect(report.logs).toHaveLength(3);
  });

  it('that are cut or damaged are named, and read as far as possible', async () => {
    const noise = Array.from({ length: 2_000 }, (_, n) => vendorLine('2013-06-06T00:00:00', `Line ${n * 7_919}`)).join(
      '',
    );
    const packed = gzipSync(MANUAL_LINES + noise);
    const damaged = Buffer.from(packed);
    damaged.fill(0xff, packed.length - 400, packed.length - 300);
    for (const content of [packed.subarray(0, packed.length / 2), damaged]) {
      const report = await estimateFrom({ 'nsc.log.gz.0': content });
      expect(brief(report)).toEqual([['1602503', null, 57_000, 53_000]]);
    }
    expect((await estimateFrom({ 'nsc.log.gz.0': damaged })).logs[0]?.problem).toContain('damaged');
  });
});

describe('an odd log', () => {
  it('is reported: retries, missing ends, a clock that was set', async () => {
    const report = await estimateFrom({
      'nsc.log':
        vendorLine('2013-06-05T00:00:00', 'Acknowledging receipt of update ID 1.') +
        vendorLine('2013-06-05T00:00:01', 'Downloading update ID 2.') +
        vendorLine('2013-06-05T00:10:01', 'Downloading update ID 2.') +
        vendorLine('2013-06-05T00:11:01', 'Acknowledging receipt of update ID 2.') +
        vendorLine('2013-06-05T00:12:00', 'Downloading update ID 3.') +
        vendorLine('2013-06-05T00:02:00', 'Acknowledging receipt of update ID 3.') +
        vendorLine('2013-06-05T00:13:00', 'Downloading update ID 4.'),
    });
    expect(brief(report)).toEqual([['2', null, 60_000, 60_000]]);
    expect(report.tally).toEqual({
      restarted: 1,
      unacknowledged: 1,
      withoutBeginning: 1,
      acrossClockSteps: 1,
      dropped: 0,
    });
    expect(report.clockSteps).toBe(1);
  });

  it('is not an hour off when summer time ends or begins', async () => {
    const night = (date: string, from: string, to: string) =>
      vendorLine(`${date}T${from}`, 'Downloading update ID 5.') +
      vendorLine(`${date}T${to}`, 'Acknowledging receipt of update ID 5.');
    const zone = 'Europe/Berlin';
    const spring = await estimateFrom({ 'nsc.log': night('2026-03-29', '01:59:00', '03:01:00') }, {}, { zone });
    const autumn = await estimateFrom({ 'nsc.log': night('2026-10-25', '02:59:00', '02:01:00') }, {}, { zone });
    expect([...brief(spring), ...brief(autumn)]).toEqual([
      ['5', null, 120_000, 120_000],
      ['5', null, 120_000, 120_000],
    ]);
    expect(autumn.clock).toEqual([{ kind: 'summer-time', stamp: '2026-10-25T02:01:00', backMs: 3_480_000 }]);
  });

  it('has a code if nothing was found or the folder is missing', async () => {
    await expect(estimateFrom({ 'nsc.log': 'nothing\n' })).rejects.toMatchObject({ code: 'ESTIMATE-NOTHING' });
    await expect(estimateFrom({}, {}, { named: ['nsc.log'] })).rejects.toMatchObject({ code: 'FILE-FAILED' });
  });

  it('uses no size that may belong to another update', async () => {
    const report = await estimateFrom({ 'nsc.log': download('7', 5, 30) }, { 'a-7.jar': 5, 'b-7.jar': 6 });
    expect(report.ambiguous).toEqual(['7']);
    expect(brief(report)).toEqual([['7', null, 30_000, 30_000]]);
  });
});

describe('any log', () => {
  it('is read to its end, and the advice stays within bounds', async () => {
    const piece = fc.constantFrom(
      '2013-06-05T00:04:10',
      '2013-06-05T00:03:10',
      '2999-12-31T23:59:59',
      ' [INFO] [Thread: x] ',
      'Downloading update ID ',
      'Acknowledging receipt of update ID ',
      'Response via 1.1 p.',
      '1.',
      'a-2.',
      '\n',
      '\r\n',
      '\u0000',
      '\u001b[2J',
      '[[[[[[',
    );
    const text = fc.array(fc.oneof({ weight: 9, arbitrary: piece }, { weight: 1, arbitrary: fc.string() }), {
      maxLength: 120,
    });
    await fc.assert(
      fc.asyncProperty(text, fc.boolean(), async (pieces, packed) => {
        const content = Buffer.from(`${MANUAL_LINES}${pieces.join('')}`);
        const report = await estimateFrom({ log: packed ? gzipSync(content) : content });
        expect(report.advice.baseMs).toBeGreaterThanOrEqual(300_000);
        expect(report.advice.baseMs).toBeLessThanOrEqual(2_147_483_647);
      }),
      { numRuns: 60 },
    );
  });
});
