import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { usersConnectedTo, usersIn } from '#system/network/loopback-users.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue and so on';
const line = (local: string, remote: string, uid: string) =>
  `   1: ${local} ${remote} 01 00000000:00000000 02:00000A3C 00000000  ${uid}        0 5 2 0 20 4 30 10 -1`;

it('loopback users: the user of a connection is found by the port at the other end', () => {
  const list = [
    HEAD,
    line('0100007F:0050', '0100007F:C000', '0'),
    line('0100007F:C000', '0100007F:0050', '1000'),
    line('0100007F:C001', '0100007F:0051', '1001'),
    line('0200007F:C002', '0100007F:0050', '1002'),
    line('0100007F:C003', '0200007F:0050', '1003'),
    'nonsense',
    '',
  ].join('\n');
  expect([...usersIn(list, 80)]).toEqual([[0xc000, 1000]]);
  expect(usersIn('', 80).size).toBe(0);
});

it('loopback users: the list of the kernel has this process', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  expect(usersConnectedTo(port).get(socket.localPort ?? 0)).toBe(process.getuid?.());
  socket.destroy();
  server.close();
});
