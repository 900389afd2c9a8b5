/**
 * Situations of the field that only a diagnosis can identify, each provoked behind a real proxy: its code, and that
 * the first line with its advice names what an admin needs. Numbers are those of the table that the wording follows.
 */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { changeProxyCommand } from '#cli/settings/proxy-change.ts';
import { createCa } from '#test/support/certificates.ts';
import { CommandRig } from '#test/support/command-rig.ts';
import { composeIn } from '#test/support/composed.ts';
import {
  ca,
  type DiagnosisOutput,
  feedSettings,
  printDiagnosis,
  startFeedOrigin,
} from '#test/support/diagnosis-rig.ts';
import { fakeControl } from '#test/support/fake-control.ts';
import { FAULTS, honest, type Script, startFaultProxy } from '#test/support/fault-proxy.ts';
import { startLoginProxy } from '#test/support/login-proxy.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';
import { yamlOf } from '#test/support/yaml-of.ts';

const HOST = 'updates.example.com';
/** Time runs this much faster where a proxy is silent: several requests wait for it until their deadlines. */
const FASTER = 10;
const closing: { close(): Promise<void> }[] = [];
let healthy: TlsOrigin;

beforeAll(async () => {
  healthy = await startFeedOrigin();
});
afterAll(() => healthy.close());
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close();
});

function held<T extends { close(): Promise<void> }>(one: T): T {
  closing.push(one);
  return one;
}

async function closedPort(): Promise<number> {
  const proxy = await startFaultProxy(() => {});
  await proxy.close();
  return proxy.port;
}

/** Leads to the requested port, whatever the name. */
const byPort: Script = (client, head, earlier) => {
  const port = Number(/^CONNECT \S+:(\d+) /.exec(head)?.[1]);
  honest(port)(client, head, earlier);
};

async function corp(script: Script, over: object = {}): Promise<object[]> {
  const { port } = held(await startFaultProxy(script));
  return [{ name: 'corp', address: '127.0.0.1', port, default: true, ...over }];
}

/** The first line and the advice in the second. */
function answerOf({ first, lines }: DiagnosisOutput): string {
  return `${first} ${lines[1]}`;
}

function namesAll(answer: string, facts: readonly string[]): void {
  for (const fact of facts) expect(answer).toContain(fact);
}

describe('diagnosis 5: a gateway address that was left at the default', () => {
  it.each([
    ['refuses the port', null],
    ['has a web server there', FAULTS.webServer],
    ['is silent', FAULTS.silent],
  ])('and it %s', async (_what, script) => {
    const [profile] = script === null ? [{ name: 'corp', address: '127.0.0.1', default: true }] : await corp(script);
    const port = script === null ? { port: await closedPort() } : {};
    const told = await printDiagnosis({
      sections: {
        ...(await feedSettings(healthy.port, HOST)),
        proxies: [{ ...profile, ...port }],
        response_timeout: { tunnel_timeout_ms: 1_000 },
      },
      gateways: () => Promise.resolve(['127.0.0.1']),
      clock: scaledClock(FASTER),
    });
    expect(told).toMatchObject({ status: 78, diagnosis: { verdict: { finding: { code: 'HOST-IS-GATEWAY' } } } });
    namesAll(answerOf(told), [
      '127.0.0.1 is the default gateway of this host',
      'is not an HTTP proxy',
      'This address may be left over from a default configuration.',
      'address of proxy corp',
    ]);
  });
});

describe('diagnosis 19: TLS to some hosts only', () => {
  const intercepting = async () => {
    const pair = createCa('Zscaler Intermediate Root CA').issue();
    return held(await startTlsOrigin(pair));
  };

  it('diagnosis 19: fails if work always uses a denied host; the table marks only that one', async () => {
    const { port } = await intercepting();
    const { updates } = (await feedSettings(healthy.port, HOST)) as { updates: object };
    const acknowledge = `https://localhost:${port}/acknowledge`;
    const told = await printDiagnosis({
      sections: { updates: { ...updates, acknowledge_url: acknowledge }, proxies: await corp(byPort) },
    });
    expect(told).toMatchObject({ status: 14, diagnosis: { verdict: { finding: { code: 'TLS-INTERCEPTED' } } } });
    namesAll(answerOf(told), [
      'localhost',
      'CN=Zscaler Intermediate Root CA',
      `bypass for localhost:${port}`,
      'sallyport endpoints',
    ]);
    const rows = told.lines.filter((line) => /^(?:updates\.example\.com|localhost):\d+ /.test(line));
    expect(rows).toEqual([
      expect.stringMatching(/^updates\.example\.com:\d+ +updates +ok +.*Sallyport Test CA/),
      expect.stringMatching(/^localhost:\d+ +updates +INTERCEPTED +.*Zscaler/),
    ]);
    const [report] = told.diagnosis.purposes;
    expect(report?.stages.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual(
      expect.arrayContaining(['http ok', 'range ok', 'tls failed']),
    );
  });

  it('is a warning if work gets there only by redirects', async () => {
    const { port } = await intercepting();
    const { updates } = (await feedSettings(healthy.port, HOST)) as { updates: object };
    const told = await printDiagnosis({
      sections: {
        updates: { ...updates, allowed_origins: [`https://localhost:${port}`] },
        proxies: await corp(byPort),
      },
    });
    expect(told).toMatchObject({ status: 0, diagnosis: { verdict: { outcome: 'warning' } } });
    expect(told.first).toMatch(/^\[TLS-INTERCEPTED\] updates works, but: The certificate for localhost /);
    expect(told.lines.some((line) => /^localhost:\d+ +updates +INTERCEPTED/.test(line))).toBe(true);
  });

  it('reports a host that the settings do not allow', async () => {
    const { updates } = (await feedSettings(healthy.port, HOST)) as { updates: object };
    const told = await printDiagnosis({
      sections: {
        updates: { ...updates, acknowledge_url: `https://localhost:${healthy.port}/acknowledge` },
        proxies: await corp(byPort, { no_proxy: 'localhost' }),
        proxy_required: true,
      },
    });
    expect(told.first).toMatch(/^\[POLICY-DIRECT\] updates: .*localhost:\d+/);
  });
});

describe('diagnosis 21: a refused WebSocket', () => {
  const linked = async (origin: TlsOrigin, platform: object = {}) => {
    const sections = {
      platform: { url: `wss://${HOST}:${origin.port}/link`, ...platform },
      proxies: await corp(honest(origin.port)),
    };
    return await printDiagnosis({ sections, trustsEverywhere: true });
  };
  /** Answers every request with this status, and upgrades as well unless another one is given. */
  const answering = async (status: number, upgrades = status) => {
    const upgrade = (_request: IncomingMessage, socket: Duplex) =>
      socket.end(`HTTP/1.1 ${upgrades} ${STATUS_CODES[upgrades]}\r\nContent-Length: 0\r\n\r\n`);
    const answer = (_request: IncomingMessage, response: ServerResponse) => response.writeHead(status).end();
    return held(await startTlsOrigin(ca.issue(), { answer, ...(upgrades === status ? {} : { upgrade }) }));
  };
  const stageOf = ({ diagnosis }: DiagnosisOutput) =>
    diagnosis.purposes.flatMap(({ stages }) => stages).find(({ name }) => name === 'websocket');

  it('diagnosis 21: where every request is refused, polls cannot get through either', async () => {
    const told = await linked(await answering(403));
    expect(told).toMatchObject({
      status: 15,
      diagnosis: { verdict: { finding: { code: 'WS-BLOCKED', class: 'ws' } } },
    });
    namesAll(answerOf(told), [
      `HTTPS to ${HOST} works`,
      'was answered with "403 Forbidden" instead of 101',
      'may block WebSocket',
    ]);
    const platform = told.diagnosis.purposes.find(({ purpose }) => purpose === 'platform');
    expect(platform?.proven).toEqual(['choice', 'dial', 'tunnel', 'tls', 'http']);
    expect(told.lines).toContain('  Already succeeded: TCP, CONNECT, TLS to target, HTTP.');
    expect(stageOf(told)).toMatchObject({ outcome: 'failed', code: 'WS-BLOCKED' });
  });

  it.each([
    ['wss', 200, 200],
    ['https', 426, 403],
  ])('diagnosis 21: a URL with %s is a warning if polls can get through', async (scheme, status, upgrades) => {
    const origin = await answering(status, upgrades);
    const told = await linked(origin, { url: `${scheme}://${HOST}:${origin.port}/link` });
    expect(told).toMatchObject({ status: 0, diagnosis: { verdict: { outcome: 'warning' } } });
    expect(told.first).toMatch(/^\[WS-BLOCKED\] platform \(not enabled\) works, but: HTTPS to /);
    expect(told.first).toContain(`"${upgrades} ${STATUS_CODES[upgrades]}" instead of 101`);
    expect(stageOf(told)).toMatchObject({ outcome: 'warning', code: 'WS-BLOCKED' });
  });

  it('diagnosis 21: an answer of the platform itself keeps its code', async () => {
    const told = await linked(await answering(426, 401));
    expect(told.first).toMatch(/^\[ORIGIN-REFUSED\] platform/);
    expect(stageOf(told)).toMatchObject({ outcome: 'failed', code: 'ORIGIN-REFUSED' });
  });

  it('diagnosis 21: no upgrade is requested in mode poll', async () => {
    const told = await linked(await answering(426, 403), { mode: 'poll' });
    expect(told).toMatchObject({ first: 'All is well: platform through corp (not enabled).', status: 0 });
    expect(stageOf(told)).toBeUndefined();
  });

  it.each(['wss', 'https'])('diagnosis 21: a URL with %s is healthy if the upgrade succeeds', async (scheme) => {
    const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] ?? false });
    const upgrades: IncomingMessage['headers'][] = [];
    const origin = held(
      await startTlsOrigin(ca.issue(), {
        upgrade: (request, socket, head) => {
          upgrades.push(request.headers);
          sockets.handleUpgrade(request, socket, head, () => undefined);
        },
      }),
    );
    const told = await linked(origin, { url: `${scheme}://${HOST}:${origin.port}/link`, bearer_token: 'a-token-1' });
    expect(told).toMatchObject({ first: 'All is well: platform through corp (not enabled).', status: 0 });
    expect(told.lines.join('\n')).toMatch(/WebSocket +ok +.*upgraded to a WebSocket/);
    expect(upgrades).toMatchObject([
      {
        'sec-websocket-protocol': 'sallyport.link.v1',
        'sallyport-agent': expect.stringMatching(/^[0-9a-f-]{36}$/),
        authorization: 'Bearer a-token-1',
      },
    ]);
  });
});

describe('diagnosis 27: a proxy of the shell only', () => {
  it('diagnosis 27: names the variable, where it is missing, and what a service uses', async () => {
    const sections = await feedSettings(await closedPort());
    const told = await printDiagnosis({ sections, asked: { shell: { HTTPS_PROXY: 'http://proxy.example.com:3128' } } });
    expect(told).toMatchObject({ status: 78, diagnosis: { verdict: { finding: { code: 'SHELL-DIFFERS' } } } });
    namesAll(answerOf(told), [
      'updates has no proxy',
      'Your shell sets HTTPS_PROXY, but the environment of the service does not',
      'TCP-REFUSED',
      'sallyport proxy add',
      'scheme: environment',
    ]);
    const text = told.lines.join('\n');
    namesAll(text, ['none (direct)', 'use_proxy_for.updates is default', 'no proxies are configured']);
    namesAll(text, [
      '; your shell has http://proxy.example.com:3128',
      'A request that works in your shell may still fail in the service.',
    ]);
  });
});

describe('diagnosis 28: one purpose fails', () => {
  it('tests every purpose over its own route, with a line each', async () => {
    const told = await printDiagnosis({
      sections: {
        ...(await feedSettings(healthy.port, HOST)),
        proxies: await corp(honest(healthy.port)),
        support_logs: { url: `https://127.0.0.1:${await closedPort()}/` },
        use_proxy_for: { support_logs: 'none' },
      },
    });
    expect(told.status).toBe(11);
    expect(told.first).toMatch(/^\[TCP-REFUSED\] support_logs \(not enabled\): 127\.0\.0\.1 refused port/);
    const row = (purpose: string) => told.lines.find((line) => line.startsWith(`${purpose} `)) ?? '';
    expect(row('updates')).toMatch(/ok +corp \(tunnel\)/);
    expect(row('support_logs')).toMatch(/FAILED \(not enabled\) +none \(direct\) +\[TCP-REFUSED\]/);
    expect(told.diagnosis.purposes.map(({ purpose, enabled }) => [purpose, enabled])).toEqual([
      ['updates', true],
      ['support_logs', false],
      ['exposure_analytics', false],
      ['platform', false],
      ['telemetry', false],
    ]);
    expect(told.lines.join('\n')).toContain('use_proxy_for.support_logs is none (sallyport.yaml:');
  });
});

describe('diagnosis 30: wrong settings', () => {
  it('are tested by --confirm-within; the old ones stay active', async () => {
    const user = { user: 'svc', password: 'right one', domain: '' };
    const login = held(await startLoginProxy('basic', user, healthy.port));
    const sections = {
      ...(await feedSettings(healthy.port, HOST)),
      proxies: await corp(honest(healthy.port), { authentication: 'basic', user: 'svc', password: 'wrong one' }),
    };
    const rig = await CommandRig.make('');
    const composed = await composeIn(sections);
    try {
      await rig.folder.write('sallyport.yaml', yamlOf({ version: 2, ...sections }));
      rig.daemon = fakeControl({ tryChange: (...asked) => composed.agent.tryChange(...asked) });
      const { status, err } = await rig.run(
        (context) =>
          changeProxyCommand(context, {
            fields: { port: String(login.port) },
            passwordStdin: true,
            makeDefault: false,
            json: false,
            confirm: { confirmWithin: 1_000 },
          }),
        { piped: 'wrong one' },
      );
      expect(status).toBe(12);
      expect(err).toContain(
        'New settings failed with AUTH-REJECTED; the previous settings remain in effect. Nothing was written.',
      );
      expect((await rig.settings()).proxies[0]?.port).not.toBe(login.port);
      expect(login.counted.refused).toBe(1);
    } finally {
      await composed.remove();
      await rig.folder.remove();
    }
  });

  it('no direct fallback is hidden: all proxies failed, and direct is not tried', async () => {
    const spare = { name: 'spare', address: '127.0.0.1', port: await closedPort() };
    const first = { name: 'first', address: '127.0.0.1', port: await closedPort(), default: true, fallback: ['spare'] };
    const told = await printDiagnosis({
      sections: { ...(await feedSettings(healthy.port, HOST)), proxies: [first, spare], proxy_required: true },
    });
    expect(told).toMatchObject({ status: 13, diagnosis: { verdict: { finding: { code: 'POLICY' } } } });
    namesAll(answerOf(told), [
      'Every proxy failed',
      `127.0.0.1:${first.port} TCP-REFUSED`,
      'direct access is not attempted because proxy_required is true',
    ]);
  });
});
