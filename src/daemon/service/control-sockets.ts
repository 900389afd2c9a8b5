// The sockets of the daemon, one for each level of rights: `look` for the group of the service, `operate` for the group
// of `control.operate_group`, `admin` for root and the user of the service.
//
// Version 0.1.0 had one socket, `control`. It still exists, with the rights of `operate`. Every request that needs more
// than `look` is logged with its sender. The socket `metrics` exists if metrics are enabled, and answers only with
// them.

import { socketsOf } from '#config/places.ts';
import type { Settings } from '#config/settings.ts';
import { VERBS } from '#control/control.ts';
import { serveControl } from '#control/server.ts';
import type { OpenTo, SocketServer } from '#control/socket-server.ts';
import type { Authority } from '#control/verb.ts';
import type { Agent } from '#daemon/agent.ts';
import { Followers } from '#daemon/answers/followers.ts';
import { MetricsSource } from '#daemon/metrics/metrics-source.ts';
import type { Parts } from '#daemon/parts.ts';
import { handlersOf } from '#daemon/verbs.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { type Peer, userWords } from '#system/network/peer.ts';
import { groupNumber } from '#system/process/group.ts';

interface Listening {
  readonly path: string;
  readonly authority: Authority;
  readonly openTo: OpenTo;
}

/** The sockets, and the metrics that are also served there. */
interface ServedSockets extends SocketServer {
  readonly metrics: MetricsSource;
}

/** Listens on all sockets, or on none. @throws CodedError CONTROL-BUSY, CONTROL-GROUP, FILE-FAILED */
export async function serveSockets(parts: Parts, agent: Agent, settings: Settings): Promise<ServedSockets> {
  const { files, redactor: known, report } = parts;
  const followers = new Followers(parts);
  const metrics = new MetricsSource(parts, agent);
  const handlers = handlersOf(agent, parts, { followers, metrics });
  const servers: SocketServer[] = [];
  const close = async () => {
    followers.end();
    await Promise.all(servers.map((server) => server.close()));
  };
  const group = settings.control.operate_group;
  const paths = socketsOf(settings.daemon);
  try {
    for (const { path, authority, openTo } of await socketsFor(paths, group)) {
      const onRequest = (what: string, peer: Peer | null, error: CodedError | null) => {
        const event = { what, who: nameOf(peer), socket: path };
        report(error === null ? { name: 'control-asked', ...event } : { name: 'control-refused', ...event, error });
      };
      const served = { verbs: VERBS, handlers, authority, openTo, files, known, onRequest };
      servers.push(await serveControl(path, served));
    }
    if (metrics.isEnabled) {
      await metrics.start();
      const { serveMetrics } = await import('#daemon/metrics/metrics-socket.ts');
      servers.push(await serveMetrics(paths.metrics, metrics, parts));
    }
  } catch (thrown) {
    await close();
    throw explain(thrown, group);
  }
  report({ name: 'control-listening', path: paths.control });
  return { path: paths.control, close, metrics };
}

/** In the order in which a client tries them: a client that finds one finds each earlier one. */
async function socketsFor(paths: ReturnType<typeof socketsOf>, group: string | undefined): Promise<Listening[]> {
  const operators = group === undefined ? 'group' : { group: await requireGroup(group) };
  return [
    { path: paths.admin, authority: 'admin', openTo: 'owner' },
    { path: paths.operate, authority: 'operate', openTo: operators },
    { path: paths.look, authority: 'look', openTo: 'group' },
    { path: paths.control, authority: 'operate', openTo: operators },
  ];
}

/** @throws CodedError CONTROL-GROUP */
async function requireGroup(group: string): Promise<number> {
  const number = await groupNumber(group);
  if (number === null) throw coded('CONTROL-GROUP', { group, reason: 'the group does not exist on this host' });
  return number;
}

/** A file's owner can give it only to a group of which it is a member. */
function explain(thrown: unknown, group: string | undefined): unknown {
  const { code, facts } = asCoded(thrown);
  if (group === undefined || code !== 'FILE-FAILED' || facts['operation'] !== 'change the owner of') return thrown;
  const reason = facts['errno'] === 'EPERM' ? 'the service user is not a member of it' : facts['reason'];
  return coded('CONTROL-GROUP', { group, reason: String(reason) }, thrown);
}

/** The peer in words, from the kernel and not from the peer itself. */
function nameOf(peer: Peer | null): string {
  const user = userWords(peer);
  return peer === null || peer.pid === 0 ? user : `${user} (process ${peer.pid})`;
}
