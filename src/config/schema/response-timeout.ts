// Section `response_timeout`: how long Sallyport waits at each stage of a connection.

import { z } from 'zod';
import { describeKey, section, wholeNumber } from './key.ts';

/** The range in the manual: 1 s to 2^31 - 1 ms, which is 24.8 days and the longest timer of Node.js. */
const wholeMs = wholeNumber(1_000, 2_147_483_647);
const step = wholeNumber(100, 2_147_483_647);

export const responseTimeout = section(
  {
    mode: describeKey(z.enum(['fixed', 'adaptive']).default('adaptive'), {
      title: 'Timeout mode',
      description:
        'How the response timeout is determined. adaptive: learned from verified downloads, for each proxy, origin and ' +
        'package size, within min_ms, max_ms and total_max_ms. fixed: always base_ms.',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    base_ms: describeKey(wholeMs.default(30_000), {
      title: 'Response timeout',
      description:
        'Longest wait for the first byte of a response body, and longest silence after this byte. It never limits the whole transfer. In mode ' +
        'adaptive, a route without history starts with 300000 ms plus 1000 ms per MB, or with this value if it is larger. ' +
        'A proxy that scans packages may send nothing until it has the whole package. For mode fixed, 300000 is generally sufficient.',
      unit: 'ms',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    min_ms: describeKey(wholeMs.default(10_000), {
      title: 'Shortest timeout',
      description:
        'Shortest timeout in mode adaptive, for the first byte, each silence and the whole transfer. It does not limit base_ms in mode fixed.',
      unit: 'ms',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    max_ms: describeKey(wholeMs.default(7_200_000), {
      title: 'Longest timeout',
      description:
        'Longest timeout in mode adaptive, for the first byte and each silence. It does not limit base_ms in mode fixed.',
      unit: 'ms',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    total_max_ms: describeKey(wholeMs.default(86_400_000), {
      title: 'Longest transfer',
      description:
        'Longest duration of a whole transfer in mode adaptive. In mode fixed, a whole transfer has no limit.',
      unit: 'ms',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    probe: describeKey(z.boolean().default(true), {
      title: 'Probe silent proxies',
      description:
        'Whether Sallyport checks that a silent proxy still works. While a proxy holds a package back, Sallyport sends it ' +
        'small requests that the proxy answers itself, without a credential and on new connections, at most 300 an hour. ' +
        'If false, Sallyport waits until a timeout expires.',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    connect_timeout_ms: describeKey(step.default(10_000), {
      title: 'Connect timeout',
      description:
        'Longest time to resolve the name of the proxy and to connect to it. Without a proxy: to resolve the name of the server and to connect to it.',
      unit: 'ms',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    tunnel_timeout_ms: describeKey(step.default(10_000), {
      title: 'Tunnel timeout',
      description: 'Longest wait for the response of the proxy to CONNECT.',
      unit: 'ms',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    tls_timeout_ms: describeKey(step.default(10_000), {
      title: 'TLS timeout',
      description: 'Longest duration of the TLS handshake with the server.',
      unit: 'ms',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
  },
  'Response timeout',
  'How long Sallyport waits at each stage of a connection. A timeout failure names the key that set the limit.',
);
