// The compared programs: Sallyport, curl and https-proxy-agent. Each requests one URL again and again, one request
// after the other, and returns the times in milliseconds. Sallyport and https-proxy-agent are agents for Node's http in
// this process. curl makes all requests in one process and reports its own times, so its start is not included.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Agent, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { ConnectionAgent } from '#proxy/connection-agent.ts';
import { systemClock } from '#system/clock.ts';
import { testRouter } from '#test/support/test-router.ts';
import { GREETING } from './far-side.ts';
import type { Kind } from './kinds.ts';

interface Load {
  readonly url: URL;
  readonly times: number;
}

export interface Contender {
  readonly name: string;
  run(load: Load): Promise<number[]>;
}

/** Null if the contender does not support this kind. */
type Maker = (kind: Kind, ca: { readonly pem: string; readonly file: string }) => Contender | null;

export const sallyport: Maker = (kind, { pem }) => {
  const trust = { ca: { key: 'updates.ca_file', path: '/ca.pem', pem } };
  const router = testRouter({ proxies: [kind.profile], trust, proxyTrust: trust });
  return {
    name: 'Sallyport',
    run: (load) => {
      const { signal } = new AbortController();
      return runOverAgent(
        new ConnectionAgent(load.url, { router, purpose: 'updates', clock: systemClock, signal }),
        load,
      );
    },
  };
};

export const proxyAgent: Maker = ({ agent }, { pem }) => {
  if (agent === null) return null;
  return {
    name: 'https-proxy-agent',
    run: (load) => runOverAgent(new HttpsProxyAgent(agent, { keepAlive: true, maxSockets: 1, ca: pem }), load, pem),
  };
};

/** Used only if curl is installed. */
export const curl: Maker = ({ curl: lines }, { file }) => ({
  name: 'curl',
  run: async ({ url, times }) => {
    const each = [`url = "${url.href}"`, 'output = "/dev/null"'];
    const always = ['silent', 'http1.1', 'noproxy = ""', `cacert = "${file}"`, `proxy-cacert = "${file}"`];
    const config = [
      ...always,
      ...lines,
      'write-out = "%{http_code} %{time_total}\\n"',
      ...Array.from({ length: times }, () => each).flat(),
    ];
    const child = spawn('curl', ['--disable', '--config', '-'], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.end(config.join('\n'));
    const outputLines = (await text(child.stdout)).trim().split('\n');
    const answered = outputLines.filter((line) => line.startsWith('200 '));
    if (answered.length !== times) throw new Error(`curl said ${outputLines[0]}`);
    return answered.map((line) => Number(line.split(' ')[1]) * 1_000);
  },
});

async function runOverAgent(agent: Agent, { url, times }: Load, ca?: string): Promise<number[]> {
  const request = url.protocol === 'https:' ? secureRequest : plainRequest;
  const took: number[] = [];
  try {
    for (let time = 0; time < times; time += 1) {
      const begun = performance.now();
      const outgoing = request(url, { agent, ...(ca === undefined ? {} : { ca }) }).end();
      const [response] = await once(outgoing, 'response');
      if ((await text(response)) !== GREETING) throw new Error('another server answered');
      took.push(performance.now() - begun);
    }
    return took;
  } finally {
    agent.destroy();
  }
}
