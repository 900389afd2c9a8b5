import { once } from 'node:events';
import { createWriteStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MANUAL_LINES, tempFolder } from '#test/support/old-log.ts';
import { startSallyport } from '#test/support/sallyport-process.ts';

const LOG_BYTES = 48_000_000;

describe('timeout estimate as a process', () => {
  it('reads a log much larger than the memory that it may have, without a configuration', async () => {
    const dir = tempFolder();
    const log = createWriteStream(join(dir, 'nsc.log'));
    const noise = Buffer.from(
      '2013-06-05T00:04:09 [INFO] [Thread: Scan default:5] Looking at the port 443 of a host.\n'.repeat(5_000),
    );
    for (let written = 0; written < LOG_BYTES; written += noise.length) {
      if (!log.write(noise)) await once(log, 'drain');
    }
    log.end(MANUAL_LINES);
    await once(log, 'finish');
    writeFileSync(join(dir, '1602503.jar'), Buffer.alloc(1_000));
    const { lines, ended } = startSallyport(
      [
        '--config',
        join(dir, 'none.yaml'),
        'timeout',
        'estimate',
        '--log',
        join(dir, 'nsc.log'),
        '--packages',
        dir,
        '--json',
      ],
      { execArgv: ['--max-old-space-size=32'] },
    );
    expect(await ended).toBe(0);
    const text = lines.slice(lines.indexOf('{')).join('\n');
    expect(JSON.parse(text.slice(0, text.lastIndexOf('}') + 1))).toMatchObject({
      packages: [{ id: '1602503', size: 1_000, elapsed_ms: 57_000, longest_silence_ms: 53_000 }],
    });
  });

  it('refuses a zone that there is not, and wants a log and a folder', async () => {
    const run = (...args: string[]) => startSallyport(['timeout', 'estimate', ...args]).ended;
    expect(await run('--log', 'x', '--packages', 'y', '--time-zone', 'Mars/Base')).toBe(64);
    expect(await run('--log', 'x')).toBe(64);
  });
});
