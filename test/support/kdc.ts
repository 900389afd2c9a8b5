/**
 * A real MIT KDC on loopback with its own realm in a temporary folder: one user, and one proxy with the name localhost.
 * It returns the environment variables that a process needs for a ticket, and does not set them. Each worker keeps its
 * KDC: the first suite that needs it starts it, and it is ended when the test run ends (own-temporary.ts).
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { keptFolder, untilWorkerEnds } from './kept-servers.ts';
import { giveTo, MACHINE, startPart } from './part.ts';
import { KERBEROS, squid as squidParts } from './real-parts.ts';

const KDC_USER = { user: 'svc_update', password: 'right' } as const;
const REALM = 'CORP.TEST';
/** A ticket is for a name; this one resolves without a name server of the test. */
export const KDC_PROXY = 'localhost';
const SERVICE = `HTTP/${KDC_PROXY}`;

type Variables = Readonly<Record<'KRB5_CONFIG' | 'KRB5CCNAME' | 'KRB5_CLIENT_KTNAME', string>>;

export interface RunningKdc {
  /** Lines of squid.conf that take its tickets. */
  readonly squid: readonly string[];
  /** As squid.conf has it where the proxy's key is not the one that tickets are made for. */
  readonly squidWithAnotherKey: readonly string[];
  /** Who has a ticket; who has a keytab and gets a ticket by it; who has neither. */
  readonly ticket: Variables;
  readonly keytab: Variables;
  readonly nothing: Variables;
  /** Lines of its log that grant a ticket for the proxy. */
  granted(): string[];
}

let kept: Promise<RunningKdc> | undefined;

/** The KDC of this worker. */
export function takeKdc(): Promise<RunningKdc> {
  kept ??= startKdc();
  return kept;
}

/** Starts a KDC. From then on, the program finds the package `kerberos` in this process. */
export async function startKdc(): Promise<RunningKdc & { stop(): Promise<void> }> {
  const helper = squidParts?.negotiateAuth ?? '';
  const kerberos = pathToFileURL(KERBEROS).href;
  registerHooks({ resolve: (name, context, next) => next(name === 'kerberos' ? kerberos : name, context) });
  const part = await startPart('the KDC', 1, ([port = 0]) => {
    const { folder, pids } = keptFolder('kdc');
    const at = (name: string) => join(folder, name);
    writeFileSync(at('krb5.conf'), clientConfiguration(port));
    writeFileSync(at('kdc.conf'), kdcConfiguration(at, port));
    const env = { ...MACHINE, KRB5_CONFIG: at('krb5.conf'), KRB5_KDC_PROFILE: at('kdc.conf') };
    makeRealm(at, env);
    const [command, ...args] = untilWorkerEnds(['krb5kdc', '-n', '-P', join(pids, 'krb5kdc.pid')]);
    return { command, args, env, folder };
  });
  const at = (name: string) => join(part.folder, name);
  const variables = (cache: string, keytab: string): Variables => ({
    KRB5_CONFIG: at('krb5.conf'),
    KRB5CCNAME: `FILE:${at(cache)}`,
    KRB5_CLIENT_KTNAME: `FILE:${at(keytab)}`,
  });
  const ticket = variables('ticket', 'none');
  execFileSync('kinit', [KDC_USER.user], {
    env: { ...process.env, ...ticket },
    input: `${KDC_USER.password}\n`,
    stdio: 'pipe',
  });
  const squid = (keytab: string) => [
    `auth_param negotiate program /usr/bin/env KRB5_CONFIG=${at('krb5.conf')} KRB5RCACHENAME=none: ${helper} -k ${at(keytab)} -s ${SERVICE}@${REALM}`,
    'auth_param negotiate children 4 startup=1 idle=1',
  ];
  return {
    squid: squid('proxy.keytab'),
    squidWithAnotherKey: squid('other.keytab'),
    ticket,
    keytab: variables('by-keytab', 'user.keytab'),
    nothing: variables('none', 'none'),
    granted: () =>
      part
        .said()
        .split('\n')
        .filter((line) => line.includes('TGS_REQ') && line.includes('ISSUE') && line.includes(SERVICE)),
    async stop() {
      await part.end();
      part.remove();
    },
  };
}

function makeRealm(at: (name: string) => string, env: NodeJS.ProcessEnv): void {
  const run = (command: string, args: readonly string[]) => execFileSync(command, args, { env, stdio: 'pipe' });
  run('kdb5_util', ['-P', 'master', 'create', '-s', '-r', REALM]);
  const queries = [
    `add_principal -pw ${KDC_USER.password} ${KDC_USER.user}`,
    `ktadd -k ${at('user.keytab')} -norandkey ${KDC_USER.user}`,
    `add_principal -randkey ${SERVICE}`,
    // Each ktadd makes a new key: what the first file holds does not open later tickets.
    `ktadd -k ${at('other.keytab')} ${SERVICE}`,
    `ktadd -k ${at('proxy.keytab')} ${SERVICE}`,
  ];
  for (const query of queries) run('kadmin.local', ['-r', REALM, '-q', query]);
  // The helper runs as the proxy's user.
  for (const name of ['', 'proxy.keytab', 'other.keytab']) giveTo('proxy', at(name));
}

// Nothing is asked of DNS, and every name stays as it is written.
function clientConfiguration(port: number): string {
  return `[libdefaults]
default_realm = ${REALM}
rdns = false
dns_canonicalize_hostname = false
dns_lookup_kdc = false
dns_lookup_realm = false
qualify_shortname = ""
udp_preference_limit = 1
[realms]
${REALM} = {
  kdc = 127.0.0.1:${port}
}
[domain_realm]
${KDC_PROXY} = ${REALM}
`;
}

function kdcConfiguration(at: (name: string) => string, port: number): string {
  return `[kdcdefaults]
kdc_listen = ""
kdc_tcp_listen = 127.0.0.1:${port}
[realms]
${REALM} = {
  database_name = ${at('principal')}
  key_stash_file = ${at('stash')}
  acl_file = ${at('acl')}
  supported_enctypes = aes256-cts-hmac-sha1-96:normal
}
[logging]
kdc = STDERR
`;
}
