import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createEngine } from '@secretlint/node';
import { creator } from '@secretlint/secretlint-rule-preset-recommend';
import { describe, expect, it } from 'vitest';
import { bundleRig } from '#test/support/bundle-rig.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { plantedSecrets } from '#test/uploads/redaction/planted-secrets.ts';

const KNOWN = 'Tr0ub4dor&3 "zürich"/x';
const ENCODED = [
  KNOWN,
  encodeURIComponent(KNOWN),
  JSON.stringify(KNOWN).slice(1, -1),
  Buffer.from(KNOWN).toString('hex'),
  Buffer.from(KNOWN).toString('base64').replace(/=+$/, ''),
];

function unpacked(path: string): string {
  const { stdout } = spawnSync('sh', ['-c', `zstd -dc ${path} | tar -xO`], { maxBuffer: 67_108_864 });
  return stdout.toString();
}

async function findings(content: string): Promise<number> {
  const engine = await createEngine({
    formatter: 'json',
    configFileJSON: { rules: [{ id: creator.meta.id }] },
  });
  const { output } = await engine.executeOnContent({ content, filePath: '/bundle.log' });
  const files: readonly { readonly messages: readonly unknown[] }[] = JSON.parse(output);
  return files.flatMap(({ messages }) => messages).length;
}

describeWith(['zstd', 'tar'], 'bundle: secrets', () => {
  it('bundle: no planted secret is in it, and secretlint finds nothing', async () => {
    const planted = plantedSecrets(10);
    const text = planted.map((one) => `the line before\n${one.text}\nthe line after\n`).join('');
    const rig = bundleRig();
    rig.put('app/a.log', text);
    rig.put('app/b.log.gz', gzipSync(text));
    const { path } = await rig.build(rig.request({ sources: [join(rig.root, 'app/*')] }));
    const sent = unpacked(path);
    const left = planted.filter(({ secrets }) => secrets.some((secret) => sent.includes(secret)));

    expect(sent).toContain('the line after');
    expect(left.map(({ text: line }) => line)).toEqual([]);
    expect(await findings(text)).toBeGreaterThan(20);
    expect(await findings(sent)).toBe(0);
  });

  it('bundle: a configured secret is in no file, in no encoding, and not in the manifest', async () => {
    const rig = bundleRig({
      secrets: [KNOWN],
      over: { builtIn: (name) => Promise.resolve(`{"${name}": ${JSON.stringify(KNOWN)}}\n`) },
    });
    const lines = ENCODED.map((value, at) => `line ${at} has ${value} in it\n`).join('');
    rig.put('logs/sallyport.log', lines);
    rig.put(`app/${ENCODED[3]}.log`, lines);
    const sources = ['log', 'configuration', 'status', join(rig.root, 'app/*')];
    const request = rig.request({ sources }, { note: `it is ${KNOWN}`, case: ENCODED[3] ?? null, askedBy: KNOWN });
    const sent = unpacked((await rig.build(request)).path);

    expect(sent.match(/line \d has \S{0,4}\*{3}/g)).toHaveLength(2 * ENCODED.length);
    expect(ENCODED.filter((value) => sent.includes(value))).toEqual([]);
  });
});

describe('bundle: own rules', () => {
  it('bundle: a rule of the configuration masks, and the manifest counts it by its name', async () => {
    const rig = bundleRig();
    rig.put('logs/sallyport.log', 'tenant abc123 was used\n');
    const redaction = [{ name: 'tenant-name', pattern: String.raw`tenant (\S+)` }];
    const { manifest } = await rig.build(rig.request({ redaction }));

    expect(await rig.text('log/sallyport.log')).toBe('tenant *** was used\n');
    expect(manifest.files[0]?.masked).toContainEqual({ rule: 'tenant-name', count: 1 });
  });
});
