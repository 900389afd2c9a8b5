import { once } from 'node:events';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MANUAL_LINES, tempFolder } from '#test/support/old-log.ts';
import { runHere } from '#test/support/run-here.ts';
import { startSallyport, writeConfig } from '#test/support/sallyport-process.ts';

const LOG_BYTES = 48_000_000;

describe('timeout estimate process', () => {
  it('reads a log much larger than its memory limit', async () => {
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

  it('refuses an unknown zone, requires log and folder', async () => {
    const run = async (...args: string[]) => (await runHere(['timeout', 'estimate', ...args])).code;
    expect(await run('--log', 'x', '--packages', 'y', '--time-zone', 'Mars/Base')).toBe(64);
    expect(await run('--log', 'x')).toBe(64);
  });
});

it('timeout estimate: --apply without a daemon writes the file, and explain shows it', async () => {
  const dir = tempFolder();
  writeFileSync(join(dir, 'nsc.log'), MANUAL_LINES);
  writeFileSync(join(dir, '1602503.jar'), Buffer.alloc(2_000_000));
  const config = await writeConfig(dir, {
    updates: { feed_url: 'https://updates.example.com/feed.json' },
    proxies: [{ name: 'corp', address: 'proxy.example.com', port: 3128, default: true }],
  });
  const run = async (...args: string[]) => {
    const { code, out, err } = await runHere(['--config', config, 'timeout', ...args]);
    expect(code, out + err).toBe(0);
    return out;
  };
  const told = await run('estimate', '--log', join(dir, 'nsc.log'), '--packages', dir, '--apply');
  expect(told).toContain(
    'Learned from 1 download for https://updates.example.com through http://proxy.example.com:3128.',
  );
  expect(readFileSync(config, 'utf8')).toContain('base_ms: 300000');
  const explained = await run('explain', '2MB');
  expect(explained).toMatch(/Evidence: 1 verified download of up to 2\.0 MB.*the longest wait was 53 s/);
});
