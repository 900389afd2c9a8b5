// Finds the cause of a failed connection test. Facts about this host, such as its default gateway, explain some
// failures better than their own code does. The new failure keeps the record of the steps that succeeded, and names the
// code that it replaces. Pure.

import type { Code } from '#errors/catalogue.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { type Hop, hopText } from '#errors/hop.ts';
import type { ProxyVariables } from './report.ts';
import { onlyInShell } from './shell.ts';

/** The context of a failure. */
export interface FailureContext {
  readonly purpose: string;
  /** Addresses of the failed proxy: as configured, and as its name resolved. */
  readonly proxyAddresses: readonly string[];
  readonly gateways: readonly string[];
  /** Whether the route was direct because the settings name no proxy. */
  readonly hasNoProxy: boolean;
  readonly service: ProxyVariables;
  readonly shell: ProxyVariables;
}

/** Failures of an address where no proxy runs. */
const NO_PROXY_THERE: ReadonlySet<Code> = new Set<Code>([
  'NOT-A-PROXY',
  'PROXY-PROTOCOL',
  'TCP-REFUSED',
  'TCP-TIMEOUT',
  'TCP-FAILED',
  'TUNNEL-TIMEOUT',
  'TUNNEL-CLOSED',
  'BAD-RESPONSE',
  'CONNECTION-LOST',
  'PROXY-SCHEME',
  'PROXY-TLS-FAILED',
  'PROXY-TLS-TIMEOUT',
]);
/** Failures of a host without access to the network. */
const NO_ROUTE: ReadonlySet<Code> = new Set<Code>(['DNS-TARGET', 'TCP-REFUSED', 'TCP-TIMEOUT', 'TCP-FAILED']);

/** The cause of a failure: the failure itself, or what explains it. */
export function causeOf(error: CodedError, known: FailureContext): CodedError {
  const sharper = gatewayAsProxy(error, known) ?? proxyOfTheShell(error, known);
  return sharper?.during(error.trace) ?? error;
}

function gatewayAsProxy(error: CodedError, { gateways, proxyAddresses }: FailureContext): CodedError | null {
  const { proxy } = error.facts;
  const address = proxyAddresses.find((one) => gateways.includes(one));
  if (address === undefined || !NO_PROXY_THERE.has(error.code)) return null;
  return coded(
    'HOST-IS-GATEWAY',
    { address, proxy: proxy ?? nameOf(error.place), found: error.code, hop: error.place },
    error,
  );
}

function proxyOfTheShell(error: CodedError, known: FailureContext): CodedError | null {
  const { purpose, hasNoProxy, service, shell } = known;
  const missing = onlyInShell(service, shell);
  if (!hasNoProxy || missing.length === 0 || !NO_ROUTE.has(error.code)) return null;
  return coded('SHELL-DIFFERS', { purpose, missing, found: error.code, hop: error.place }, error);
}

function nameOf(hop: Hop | null): string | null {
  if (hop === null) return null;
  return hop.name ?? hopText(hop);
}
