import { expect, it } from 'vitest';
import { namedUser } from '#system/network/peer.ts';
import { nameOfUser } from '#system/process/user.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

it('user: the name of a uid comes from the host, and an unknown uid has none', async () => {
  const clock = new FakeClock();
  expect(await nameOfUser(0, clock)).toBe('root');
  expect(await nameOfUser(4_000_000_000, clock)).toBeNull();
  expect(await namedUser({ uid: 0 }, clock)).toBe('root');
  expect(await namedUser({ uid: 4_000_000_000 }, clock)).toBe('user 4000000000');
  expect(await namedUser(null, clock)).toBe('an unknown user');
});
