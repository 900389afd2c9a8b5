// The two sockets of the daemon: one for the group, which may not have secrets sent anywhere else, and one for root and the
// user of the service. Every request that does more than look is in the log with who sent it.

import type { Settings } from '#config/settings.ts';
import { type ControlServer, serveControl } from '#control/server.ts';
import type { Peer } from '#system/peer.ts';
import type { Agent } from './agent.ts';
import { groupControl } from './group-control.ts';
import type { Parts } from './parts.ts';

/** What the kernel calls a user that our user namespace does not know; `PrivateUsers=` of systemd makes one. */
const OVERFLOW_UID = 65_534;

/** Listens at both. @throws CodedError CONTROL-BUSY, FILE-FAILED; then at neither */
export async function serveSockets(parts: Parts, agent: Agent, { daemon }: Settings): Promise<ControlServer> {
  const { files, redactor: known, report } = parts;
  const tellOf = (socket: string) => (what: string, peer: Peer | null) =>
    report({ name: 'control-asked', what, who: nameOf(peer), socket });
  const { admin_socket: adminPath, control_socket: groupPath } = daemon;
  const onAdmin = tellOf(adminPath);
  const admin = await serveControl(adminPath, { control: agent, files, known, to: 'admin', onAsked: onAdmin });
  try {
    const onGroup = tellOf(groupPath);
    const control = groupControl(agent);
    const group = await serveControl(groupPath, { control, files, known, to: 'group', onAsked: onGroup });
    report({ name: 'control-listening', path: group.path });
    return {
      path: group.path,
      close: async () => {
        await Promise.all([group.close(), admin.close()]);
      },
    };
  } catch (thrown) {
    await admin.close();
    throw thrown;
  }
}

/** Who that is, in words. The kernel says it, not whoever asks. */
function nameOf(peer: Peer | null): string {
  if (peer === null) return 'an unknown user';
  const user = peer.uid === 0 ? 'root' : `user ${peer.uid}`;
  const shown = peer.uid === OVERFLOW_UID ? 'a user whom the service cannot tell apart' : user;
  return peer.pid === 0 ? shown : `${shown}, process ${peer.pid}`;
}
