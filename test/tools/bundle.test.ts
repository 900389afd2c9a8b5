import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sallyport-'));
afterAll(() => rmSync(folder, { recursive: true }));

const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });

describe('bundle', () => {
  it('bundle: it includes the workers of PAC files and of the second opinion', () => {
    const entry = join(folder, 'entry.ts');
    writeFileSync(
      entry,
      `import { evaluatePac } from ${JSON.stringify(join(ROOT, 'src/proxy/pac/evaluate.ts'))};
       import { systemClock } from ${JSON.stringify(join(ROOT, 'src/system/clock.ts'))};
       const answer = await evaluatePac({
         script: 'function FindProxyForURL(url, host) { return "PROXY " + host + ":" + dnsDomainLevels(host); }',
         url: 'https://updates.example/', host: 'updates.example', lookUp: async () => null, limitMs: 15_000,
         clock: systemClock, signal: new AbortController().signal, late: () => new Error('late'),
       });
       console.log(JSON.stringify(answer));
       const { runWitness } = await import(${JSON.stringify(join(ROOT, 'src/diagnose/witness.ts'))});
       const leg = { ca: null, ciphers: null, identity: null };
       const bounds = { clock: systemClock, signal: new AbortController().signal, timeoutMs: 15_000 };
       for (const scheme of ['http', 'socks5h']) {
         const url = \`\${scheme}://127.0.0.1:1\`;
         const question = { url: 'https://updates.example/', proxyUrl: url, headers: {}, userAgent: 'x', pins: [] };
         const { kind, at, reason } = await runWitness({ ...question, target: leg, proxy: leg }, bounds);
         console.log(kind, at, reason);
       }`,
    );
    const program = join(folder, 'program');
    const built = node(join(ROOT, 'tools', 'bundle.ts'), entry, program);
    expect([built.status, built.stderr]).toEqual([0, '']);

    // A thread evaluates its own files only, not what a start of the program evaluates.
    const parts = join(program, 'parts');
    const threads = readdirSync(parts).filter((name) => /^(?:pac|diagnose)-/.test(name));
    expect(threads.length).toBeGreaterThan(1);
    expect(threads.filter((name) => readFileSync(join(parts, name), 'utf8').includes('/start-'))).toEqual([]);

    expect(readdirSync(join(program, 'console')).sort()).toEqual(
      expect.arrayContaining(['console.css', 'console.js', 'index.html', 'service.js']),
    );

    // Nothing of the checkout is in reach from there.
    const ran = node(join(program, 'main.js'));
    expect([ran.stderr, ran.stdout]).toEqual([
      '',
      `{"kind":"answered","text":"PROXY updates.example:1"}\n${'failed proxy connect ECONNREFUSED 127.0.0.1:1\n'.repeat(2)}`,
    ]);
  });
});
