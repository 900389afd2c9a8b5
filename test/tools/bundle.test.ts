import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sallyport-'));
afterAll(() => rmSync(folder, { recursive: true }));

const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });

describe('the bundle', () => {
  it('has with it what code finds beside itself: the thread of PAC files and its interpreter', () => {
    const entry = join(folder, 'entry.ts');
    writeFileSync(
      entry,
      `import { askPac } from ${JSON.stringify(join(ROOT, 'src/proxy/pac/evaluate.ts'))};
       import { systemClock } from ${JSON.stringify(join(ROOT, 'src/system/clock.ts'))};
       const answer = await askPac({
         script: 'function FindProxyForURL(url, host) { return "PROXY " + host + ":" + dnsDomainLevels(host); }',
         url: 'https://updates.example/', host: 'updates.example', lookUp: async () => null, limitMs: 15_000,
         clock: systemClock, signal: new AbortController().signal, late: () => new Error('late'),
       });
       console.log(JSON.stringify(answer));`,
    );
    const program = join(folder, 'program');
    const built = node(join(ROOT, 'tools', 'bundle.ts'), entry, program);
    expect([built.status, built.stderr]).toEqual([0, '']);

    // Nothing of the checkout is in reach from there.
    const ran = node(join(program, 'main.js'));
    expect([ran.stderr, ran.stdout]).toEqual(['', '{"kind":"answered","text":"PROXY updates.example:1"}\n']);
  });
});
