// A page writes what the commands write: 300 changes of 20 files give the same bytes, secret files and modes. What the
// daemon gets to test, and so logs, is the same except for who asked.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CommandContext } from '#cli/settings/command-context.ts';
import { configSetCommand } from '#cli/settings/config-set.ts';
import {
  addProxyCommand,
  changeProxyCommand,
  editProxyCommand,
  type ProfileFlags,
} from '#cli/settings/proxy-change.ts';
import { defaultProxyCommand, deleteProxyCommand, enableProxyCommand } from '#cli/settings/proxy-delete.ts';
import { setRouteCommand } from '#cli/settings/route.ts';
import { PURPOSES } from '#config/purposes.ts';
import { explainSettings } from '#config/reading/show.ts';
import type { SentForm } from '#console/saving/forms.ts';
import { asCoded } from '#errors/coded-error.ts';
import { ChangeRig } from '#test/support/change-rig.ts';
import { CommandRig } from '#test/support/command-rig.ts';
import { seeded } from '#test/support/crashing-files.ts';
import { aStatus, fakeControl } from '#test/support/fake-control.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';
import { REAL_SECRETS, REAL_SHAPED } from '#test/support/real-shaped-files.ts';
import { SavingRig } from '#test/support/saving-rig.ts';

/** A change: the form of a page, and the command with its password on standard input. */
interface Same {
  readonly form: SentForm;
  readonly password?: string;
  command(context: CommandContext): Promise<number>;
}

const confirm = { confirmWithin: 60_000 };

type Random = () => number;
const pick = <T>(random: Random, choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
const some = <T extends object>(random: Random, all: T): Partial<T> =>
  Object.fromEntries(Object.entries(all).filter(() => random() < 0.5)) as Partial<T>;

const typed = (text: string | undefined) => (text === undefined ? {} : { password: { kind: 'typed', text } as const });
const flags = (fields: ProfileFlags['fields'], password: string | undefined, makeDefault: boolean): ProfileFlags => ({
  fields,
  makeDefault,
  json: false,
  passwordStdin: password !== undefined,
  confirm,
});

const PASSWORDS = ['p4ss', 'with space', 'a:b#c', "it's", '"quoted"', 'ümlaut'];
const HOSTS = ['new.example.com', '10.9.8.7', '2001:db8::1', 'proxy.example.com'];

function profileFields(random: Random): Record<string, string> {
  const user = some(random, { user: pick(random, ['svc', 'CORP\\svc', 'a@b']), domain: 'PLANT' });
  const method = pick(random, ['transparent', 'basic', 'auto', 'ntlm']);
  return {
    ...some(random, {
      port: pick(random, ['81', '0443', '3128']),
      'tunnel-http': 'true',
      'no-proxy': '.lan, 10.0.0.0/8',
      fallback: 'spare',
      scheme: pick(random, ['http', 'https']),
    }),
    ...(method === 'transparent' ? {} : { authentication: method, user: 'svc', ...user }),
  };
}

const KINDS: Readonly<Record<string, (random: Random, names: readonly string[]) => Same>> = {
  add: (random) => {
    const fields = { address: pick(random, HOSTS), ...profileFields(random) };
    const password = 'user' in fields ? pick(random, PASSWORDS) : undefined;
    const isDefault = random() < 0.5;
    return {
      form: {
        form: 'profile',
        name: null,
        new_name: 'added',
        fields,
        make_default: isDefault,
        ...typed(password),
      },
      ...(password === undefined ? {} : { password }),
      command: (context) => addProxyCommand(context, 'added', flags(fields, password, isDefault)),
    };
  },
  edit: (random, names) => {
    const name = pick(random, names);
    const fields = { ...some(random, { address: pick(random, HOSTS) }), port: '3130', ...profileFields(random) };
    const password = random() < 0.7 ? pick(random, PASSWORDS) : undefined;
    const rename = random() < 0.3 ? 'renamed' : undefined;
    const isDefault = random() < 0.3;
    return {
      form: {
        form: 'profile',
        name,
        ...(rename === undefined ? {} : { new_name: rename }),
        fields,
        make_default: isDefault,
        ...typed(password),
      },
      ...(password === undefined ? {} : { password }),
      command: (context) => editProxyCommand(context, name, { ...flags(fields, password, isDefault), rename }),
    };
  },
  password: (random, names) => {
    const [name, password] = [pick(random, names), pick(random, PASSWORDS)];
    return {
      form: { form: 'profile', name, ...typed(password) },
      password,
      command: (context) => editProxyCommand(context, name, flags({}, password, false)),
    };
  },
  delete: (random, names) => {
    const name = pick(random, names);
    const next = pick(random, ['none', ...names.filter((one) => one !== name)]);
    return {
      form: { form: 'delete', name, new_default: next === 'none' ? null : next },
      command: (context) =>
        deleteProxyCommand(context, name, { force: true, yes: true, json: false, newDefault: next, confirm }),
    };
  },
  default: (random, names) => {
    const name = pick(random, names);
    return {
      form: { form: 'default', name },
      command: (context) => defaultProxyCommand(context, name, { json: false, confirm }),
    };
  },
  route: (random, names) => {
    const [purpose, use] = [pick(random, PURPOSES), pick(random, ['none', 'default', ...names])];
    return {
      form: { form: 'routes', routes: { [purpose]: use } },
      command: (context) => setRouteCommand(context, { purpose, use, json: false, confirm }),
    };
  },
  enabled: (random) => {
    const enabled = random() < 0.5;
    return {
      form: { form: 'enabled', enabled },
      command: (context) => enableProxyCommand(context, enabled, { json: false, confirm }),
    };
  },
  key: (random) => {
    const [key, value] = pick(random, [
      ['response_timeout.base_ms', '300000'],
      ['response_timeout.mode', 'fixed'],
      ['response_timeout.base_ms', '999'],
      ['retry.attempts', '4'],
      ['proxies.corp.no_proxy', '.lan'],
      ['updates.check_on_start', null],
    ] as const);
    return {
      form: { form: 'keys', keys: [{ key, value }] },
      command: (context) =>
        configSetCommand(context, {
          key,
          values: value === null ? [] : [value],
          unset: value === null,
          json: false,
          confirm,
        }),
    };
  },
  // The page of the first manual: its profile is the default one, and a user makes `auto`.
  settings: (random, names) => {
    const password = pick(random, PASSWORDS);
    const [address, port, user] = [pick(random, HOSTS), pick(random, ['0081', '9090']), pick(random, ['svc2', 'D\\u'])];
    const isNew = names.length === 0;
    // As an admin would type it: only what is not so already.
    const isOther = isNew || address !== 'proxy.example.com';
    const fields = { ...(isOther ? { address } : {}), port: String(Number(port)), authentication: 'auto', user };
    return {
      form: { form: 'proxy-settings', address: address.toUpperCase(), port, user, ...typed(password) },
      password,
      command: async (context) => {
        const loaded = await context.load();
        const isOff = loaded.ok && !loaded.settings.proxy_enabled;
        const own = flags(fields, password, isNew);
        const status = isNew
          ? await addProxyCommand(context, 'appliance', own)
          : await changeProxyCommand(context, isOff ? { ...own, confirm: undefined } : own);
        return isOff ? await enableProxyCommand(context, true, { json: false }) : status;
      },
    };
  },
  cleared: () => ({
    form: { form: 'proxy-settings', address: '' },
    command: (context) => enableProxyCommand(context, false, { json: false, confirm }),
  }),
};

/** What a change left: every file with its mode, and what the daemon got. */
interface Left {
  readonly ok: boolean;
  readonly files: readonly (readonly [name: string, mode: number, text: string])[];
  readonly tried: readonly unknown[];
}

class Host {
  readonly tried: unknown[] = [];
  readonly rig: CommandRig;

  constructor(rig: CommandRig) {
    this.rig = rig;
  }

  static async with(text: string, rig: CommandRig): Promise<Host> {
    const host = new Host(rig);
    await rig.folder.write('sallyport.yaml', text, 0o640);
    for (const [name, secret] of Object.entries(REAL_SECRETS)) await rig.folder.write(name, secret, 0o640);
    const config = { ...aStatus().config, file: rig.file, since: new Date(Date.now() + 3_600_000).toISOString() };
    rig.daemon = fakeControl({
      status: () => Promise.resolve(aStatus({ config })),
      settings: async () => {
        const loaded = await rig.context(fakeTerminal()).load();
        const keys = loaded.ok ? explainSettings(loaded) : [];
        const rows = keys.map(({ value, setBy, ...row }) => ({
          ...row,
          value: typeof value === 'object' && value !== null ? [...value] : value,
          set_by: setBy,
        }));
        return { file: rig.file, since: config.since, keys: rows };
      },
      // Whether a failure waits is not in a log line: a page always waits, a command only with --confirm-within.
      tryChange: ({ by: _by, waits: _waits, ...request }) => {
        host.tried.push(request);
        return Promise.resolve({ confirmed: true, by: 'stages', failure: null });
      },
    });
    return host;
  }

  async left(ok: boolean): Promise<Left> {
    const { path } = this.rig.folder;
    const names = (await readdir(path, { recursive: true })).filter((name) => !name.startsWith('state'));
    const files = names.toSorted().map(async (name) => {
      const { mode } = await stat(join(path, name));
      const isFile = (mode & 0o170000) === 0o100000;
      return [name, mode, isFile ? await readFile(join(path, name), 'utf8') : ''] as const;
    });
    return { ok, files: (await Promise.all(files)).filter(([name]) => !name.endsWith('.sock')), tried: this.tried };
  }
}

async function byCommand(
  { rig, left }: { rig: CommandRig; left(ok: boolean): Promise<Left> },
  same: Same,
): Promise<Left> {
  const ok = await rig
    .run((context) => same.command(context), { piped: `${same.password ?? ''}\n` })
    .then(
      ({ status }) => status === 0,
      () => false,
    );
  return await left(ok);
}

async function byPage(host: Host, { form }: Same, socket: string | null = null): Promise<Left> {
  const saving = new SavingRig(host.rig, socket);
  try {
    const ok = await saving.save(form).then(
      ({ state }) => state === 'saved',
      (thrown: unknown) => {
        if (asCoded(thrown).code === 'INTERNAL') throw thrown;
        return false;
      },
    );
    return await host.left(ok);
  } finally {
    saving.close();
  }
}

/** 15 for each of the 20 files. */
const ROUNDS = 15;
const kinds = Object.values(KINDS);

/** The change of a round. Without profiles, only those that need none. */
function changeOf(round: number, text: string): Same {
  const random = seeded(round + 1);
  const names = text.includes('branch') ? ['corp', 'spare', 'branch'] : [];
  const possible = names.length > 0 ? kinds : [KINDS['add'], KINDS['settings'], KINDS['enabled'], KINDS['cleared']];
  const make = possible[round % possible.length] as (typeof kinds)[number];
  return make(random, names);
}

describe('console: pages write what commands write', () => {
  it.each(REAL_SHAPED)('file %#, %s: the same bytes, secrets, modes and tests', async (name, text) => {
    const [page, command] = [await CommandRig.make(''), await CommandRig.make('')];
    const first = REAL_SHAPED.findIndex(([other]) => other === name) * ROUNDS;
    let written = 0;
    try {
      for (let round = first; round < first + ROUNDS; round += 1) {
        const same = changeOf(round, text);
        for (const rig of [page, command]) await rig.folder.clear();
        const [a, b] = [await Host.with(text, page), await Host.with(text, command)];
        const left = await byPage(a, same);
        const expected = await byCommand({ rig: command, left: (ok) => b.left(ok) }, same);
        // `proxy add` has no --confirm-within.
        const { tried, ...rest } = left;
        const shown = { ...rest, tried: expected.tried.length === 0 ? [] : tried };
        expect(shown, `round ${round}: ${JSON.stringify(same.form)}`).toEqual(expected);
        if (left.ok) written += 1;
      }
    } finally {
      for (const rig of [page, command]) await rig.folder.remove();
    }
    // The comparison is not one of refusals alone.
    expect(written).toBeGreaterThan(ROUNDS / 3);
  });

  it('by the change service: the same log lines except for who', async () => {
    for (const [round, [, text]] of REAL_SHAPED.slice(0, 10).entries()) {
      const same = changeOf(round, text);
      const logs: unknown[] = [];
      const lefts: Left[] = [];
      for (const isPage of [true, false]) {
        const service = await ChangeRig.make('');
        try {
          const host = await Host.with(text, service.rig);
          const { files } = service.parts();
          // The real path is in /proc, where not even root can write.
          const realPath = (path: string) =>
            path === service.rig.file ? Promise.resolve('/proc/1/x') : files.realPath(path);
          service.over = { files };
          const blocked = Object.assign(Object.create(files) as typeof files, { realPath });
          service.rig.over = { changeSocket: service.socket, files: blocked };
          const own = { rig: service.rig, left: (ok: boolean) => host.left(ok) };
          lefts.push(isPage ? await byPage(host, same, service.socket) : await byCommand(own, same));
          logs.push(service.events.map(({ name, ...facts }) => ({ name, ...facts, who: '' })));
        } finally {
          await service.close();
        }
      }
      expect(lefts[0], JSON.stringify(same.form)).toEqual(lefts[1]);
      expect(logs[0], JSON.stringify(same.form)).toEqual(logs[1]);
    }
  });
});
