import { execFile } from 'node:child_process';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signerWithKey } from '#origin/platform/licenses/license-signer.ts';
import { commandSchema, MAX_DELAY_SECONDS, readAgentMessage } from '#origin/platform/link/wire.ts';
import { isSignedBy, readSignature, signatureBaseOf } from '#origin/platform/signatures/http-signature.ts';
import { readPlatformText } from '#platform/messages.ts';
import { openLicense } from '#test/support/activating-host.ts';
import { PlatformRig } from '#test/support/platform-rig.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { runHere } from '#test/support/run-here.ts';

const run = promisify(execFile);
const pages = ['protocol-platform', 'protocol-activation'].map((name) =>
  readFile(new URL(`../../../docs/${name}.md`, import.meta.url), 'utf8'),
);
const page = (await Promise.all(pages)).join('');

/** The text between the fences of a marked example or of commands to try. */
function textOf(kind: 'try' | 'example', name: string): string {
  return new RegExp(`${kind}:begin ${name} -->\\n\`\`\`[a-z]*\\n([\\s\\S]*?)\\n\`\`\``).exec(page)?.[1] ?? '';
}

/** RFC 9421, B.1.4. */
const RFC_KEY = 'MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=';

describe('docs/protocol-platform.md: examples', () => {
  it('protocol-platform: the signed request has the base of the page, and its signature is valid', () => {
    const lines = textOf('example', 'request').split('\n').slice(1);
    const headers = Object.fromEntries(
      lines.map((line) => [line.split(': ')[0]?.toLowerCase(), line.replace(/^[^:]*: /, '')]),
    );
    const request = { method: 'POST', url: new URL('https://platform.example.com/link'), headers };
    const read = readSignature(headers, 'sallyport');
    if (typeof read === 'string' || 'problem' in read) throw new Error('no signature');
    expect(signatureBaseOf(read, request)?.toString()).toBe(textOf('example', 'base'));
    const key = createPublicKey({ key: Buffer.from(RFC_KEY, 'base64'), format: 'der', type: 'spki' });
    expect(isSignedBy(key, read, request)).toBe(true);
    expect(page).toContain(`[${RFC_KEY}]`);
  });

  it('protocol-platform: the license has the payload of the page, and its signature is valid', () => {
    const envelope = JSON.parse(textOf('example', 'license'));
    const payload = textOf('example', 'payload');
    expect(Buffer.from(envelope.payload, 'base64').toString()).toBe(payload);
    const { payloadType } = envelope;
    expect(textOf('example', 'encoding')).toBe(
      `DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} ${payload}`,
    );
    expect(openLicense(envelope, RFC_KEY)).toMatchObject({ format: 1, id: 'L-8c3f0a91d2' });
  });

  it('protocol-platform: both sides read the messages of the example', () => {
    const lines = /### Example[\s\S]*?```json\n([\s\S]*?)\n```/.exec(page)?.[1]?.split('\n') ?? [];
    const kinds = lines.map((line) => {
      const { type } = JSON.parse(line) as { type: string };
      const isOfAgent = ['hello', 'ack', 'result', 'report'].includes(type);
      return [type, isOfAgent ? readAgentMessage(JSON.parse(line)).kind : readPlatformText(line).kind];
    });
    const types = ['hello', 'welcome', 'command', 'ack', 'result', 'result-ack'];
    expect(kinds).toEqual(types.map((type) => [type, 'message']));
  });

  it('protocol-platform: the page names every command and the longest delay', () => {
    const commands = commandSchema.options.map(({ shape }) => shape.command.value);
    expect(commands.filter((command) => !page.includes(`| \`${command}\` |`))).toEqual([]);
    expect(page).toContain(`at most ${MAX_DELAY_SECONDS.toLocaleString('en')} s`);
  });
});

describeWith(['curl', 'openssl'], 'docs/protocol-platform.md: commands to try', () => {
  const signer = signerWithKey(generateKeyPairSync('ed25519').privateKey);
  let dir = '';
  let rig: PlatformRig;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-protocol-'));
    rig = await PlatformRig.start({ platform: { licenseSigner: signer } });
  });

  afterAll(async () => {
    await rig.close();
    await rm(dir, { recursive: true, force: true });
  });

  async function attempt(commands: string, more: Record<string, string> = {}): Promise<string> {
    const path = `${dir}:${dirname(process.execPath)}:${process.env['PATH']}`;
    const urls = { PLATFORM_URL: rig.url, ACTIVATION_URL: rig.origin.activationUrl ?? '' };
    const { stdout } = await run('sh', ['-eu', '-c', commands], { cwd: dir, env: { PATH: path, ...urls, ...more } });
    return stdout;
  }

  it('protocol-platform: polls get a welcome, a command, and nothing after the ack', async () => {
    // The command of the page, run in this process.
    const [before = '', after = ''] = textOf('try', 'poll').split(/^sallyport .*$/m);
    const [, push = ''] = /^sallyport (.*)$/m.exec(textOf('try', 'poll')) ?? [];
    const define = before.slice(0, before.indexOf('}\n') + 2);
    const welcome = await attempt(before);
    expect(JSON.parse(welcome)).toMatchObject({ messages: [{ type: 'welcome', seq: 0 }] });
    expect(await runHere(push.replace('updates', rig.dir).split(' '))).toMatchObject({ code: 0 });
    const [command = '', nothing = ''] = (await attempt(`${define}${after}`)).trim().split('\n');
    expect(JSON.parse(command)).toMatchObject({ messages: [{ seq: 1, command: 'send-logs', case: 'C-1042' }] });
    expect(JSON.parse(nothing)).toEqual({ v: 1, messages: [] });
  });

  it('protocol-platform: the WebSocket gets a welcome', async () => {
    const shown = await attempt(textOf('try', 'websocket'));
    expect(JSON.parse(shown)).toMatchObject({ v: 1, type: 'welcome', activation: 'unactivated', seq: 0 });
  });

  it('protocol-platform: curl and openssl activate a host', async () => {
    const [key = ''] = await rig.origin.platform.addKeys({ count: 1, expires: '2099-01-01T00:00:00Z', features: [] });
    const answer = JSON.parse(await attempt(textOf('try', 'activate'), { KEY: key }));
    expect(openLicense(answer.license, signer.publicKey)).toMatchObject({ agent: 'try-3' });
  });
});
