// The menu without a terminal: keys in, frames and effects out.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PURPOSES } from '#config/purposes.ts';
import { diagnosisSchema } from '#diagnose/report.ts';
import { changeOfOrder } from '#menu/change-order.ts';
import { acceptCharacter, CHARACTERS, MAX_LENGTH, nameCharacter } from '#menu/model/characters.ts';
import type { MenuEvent, MenuScreen, SizeName } from '#menu/model/screens.ts';
import { stepMenu } from '#menu/model/step.ts';
import { frameOf } from '#menu/view/frame.ts';
import { stageRows } from '#menu/view/labels.ts';
import { aProfile, MenuDriver, someFacts } from '#test/support/menu-driver.ts';

const ENABLED = someFacts({ proxies: [aProfile()] });
const CONNECTED = { stage: 'tunnel', purpose: 'updates', code: null } as const;
const kindOf = (driver: MenuDriver) => driver.state.screen.kind;
const fieldOf = (driver: MenuDriver) => {
  const { screen } = driver.state;
  if (screen.kind !== 'field') throw new Error(`no field but ${screen.kind}`);
  return screen.field;
};

/** A menu in one of the four fields of a new proxy. */
function inField(name: 'host' | 'port' | 'user' | 'password', size: SizeName = '80x24'): MenuDriver {
  const driver = MenuDriver.at(someFacts(), size).press('enter', 'enter');
  if (name === 'host') return driver;
  driver.type('P').press('enter');
  if (name === 'port') return driver;
  driver.press('enter');
  if (name === 'user') return driver;
  return driver.type('u').press('enter');
}

/** Selects each character with the shorter of Up and Down. */
function byArrows(driver: MenuDriver, text: string): void {
  for (const [index, character] of [...text].entries()) {
    const set = CHARACTERS[fieldOf(driver).name];
    const up = set.indexOf(character) + 1;
    const down = set.length + 1 - up;
    for (let left = Math.min(up, down); left > 0; left -= 1) driver.press(up <= down ? 'up' : 'down');
    if (index < text.length - 1) driver.press('right');
  }
}

describe('menu: Up Up', () => {
  it('menu: Up Up leaves CONFIG PROXY PARAMETERS and both questions, always to SETUP NETWORK', () => {
    const config = MenuDriver.at(someFacts()).press('enter', 'up', 'up');
    const enable = inField('user').press('enter', 'enter', 'up', 'up');
    const disable = MenuDriver.at(ENABLED).press('down', 'enter', 'up', 'up');
    for (const driver of [config, enable, disable]) {
      expect(driver.rows[1]).toBe('SETUP NETWORK');
      expect(driver.state.draft).toBeNull();
      expect(driver.effects).toEqual([]);
    }
  });

  it('menu: Up, another key and Up do not leave a question', () => {
    expect(kindOf(MenuDriver.at(someFacts()).press('enter', 'up', 'down', 'up'))).toBe('config');
  });

  it('menu: CC is entered by Up alone without leaving the field', () => {
    const driver = inField('host').press('backspace').press('up', 'up', 'up', 'right', 'up', 'up', 'up');
    expect(fieldOf(driver).text).toBe('CC');
  });
});

describe('menu: fields', () => {
  it.each([
    ['host', 'PROXY.EXAMPLE.COM'],
    ['password', CHARACTERS.password],
  ] as const)('menu: the arrows enter every character of a %s', (name, text) => {
    const driver = inField(name);
    if (name === 'host') driver.press('backspace');
    driver.presses = 0;
    byArrows(driver, text);
    expect(fieldOf(driver).text).toBe(text);
    process.stdout.write(
      `${text.length} characters of PROXY ${name.toUpperCase()} by arrows: ${driver.presses} presses\n`,
    );
    // Half of the set is the longest distance.
    expect(driver.presses).toBeLessThanOrEqual(text.length * (CHARACTERS[name].length / 2 + 2));
  });

  it.each(['host', 'user', 'password'] as const)(
    'menu: each ASCII character outside the set of %s is refused',
    (name) => {
      for (let code = 0x20; code < 0x7f; code += 1) {
        const character = String.fromCharCode(code);
        const driver = inField(name).press('backspace').type(`a${character}`);
        const isAllowed = CHARACTERS[name].includes(name === 'host' ? character.toUpperCase() : character);
        expect([character, fieldOf(driver).error === null]).toEqual([character, isAllowed]);
        if (!isAllowed) expect(fieldOf(driver).error?.short).toMatch(/^[A-Z-]+(?: [A-Z-]+)* AT 2 NOT ALLOWED$/);
      }
    },
  );

  it('menu: a refused character is named, never shown, and holds further text', () => {
    const driver = inField('password').type("secret'more");
    expect(driver.rows).toContain('APOSTROPHE AT 7 NOT ALLOWED.');
    expect(fieldOf(driver).text).toBe('secret');
    expect(fieldOf(driver.press('enter').type('more')).text).toBe('secretmore');
    const foreign = inField('password').type('é');
    expect(foreign.rows).toContain('U+00E9 AT 1 NOT ALLOWED.');
  });

  it.each(['host', 'port', 'user', 'password'] as const)(
    'menu: each refused character of %s is named in two rows of 16 columns, at any position',
    (name) => {
      const codes = Array.from({ length: 0x7f }, (_none, code) => String.fromCharCode(code));
      const refused = [...codes, 'é', '\u{1F600}'].filter((one) => acceptCharacter(name, one) === null);
      const length = MAX_LENGTH[name];
      const { state } = inField(name, '16x2').type((name === 'port' ? '1' : 'a').repeat(length - 1));
      for (const character of refused) {
        const screen = new MenuDriver('16x2', state).paste(`${character}a`).screen.replace('\n', ' ');
        const words = `${nameCharacter(character)} AT ${length}`;
        expect([`${words} NOT ALLOWED`, `NO ${words}`]).toContain(screen);
      }
    },
  );

  it('menu: PROXY HOST converts lower case and refuses IPv6, underscore and URL with a reason', () => {
    expect(fieldOf(inField('host').type('proxy-1.example')).text).toBe('PROXY-1.EXAMPLE');
    expect(inField('host').type('a_').screen).toContain('HOST NAMES OF PROXIES HAVE NO UNDERSCORE.');
    expect(inField('host').type('2001:').screen).toContain('IPV6 ADDRESSES AND URLS ARE NOT ACCEPTED.');
    expect(inField('host').type('a/').screen).toContain('NOT A URL.');
  });

  it.each([
    ['1.2.3', 'NOT AN IP ADDRESS'],
    ['1.2.3.256', 'NOT AN IP ADDRESS'],
    ['1.2.3.04', 'NO LEADING ZEROS'],
    ['-a', 'NOT A HOST NAME'],
    ['A..B', 'NOT A HOST NAME'],
  ])('menu: PROXY HOST %s is refused', (text, short) => {
    expect(inField('host').type(text).press('enter').screen).toContain(short);
  });

  it('menu: the port is shown with four digits and read as decimal', () => {
    expect(inField('port').rows).toContain('0443');
    const taken = (text: string) => inField('port').type(text).press('enter').state.draft?.answers.port;
    expect([taken('0443'), taken('00080'), taken('65535'), taken('3128')]).toEqual([443, 80, 65_535, 3_128]);
    for (const wrong of ['0', '65536', '99999'])
      expect(inField('port').type(wrong).press('enter').screen).toContain('PORT: 1 TO 65535');
    expect(
      MenuDriver.at(someFacts({ proxies: [aProfile({ port: 12_345 })] })).press('enter', 'enter', 'enter').rows,
    ).toContain('12345');
  });

  it('menu: a blank place ends the text, and what is shown is what is taken', () => {
    const driver = inField('host').type('ABC').press('left', 'left', 'down');
    // From B one step down is A, and one more is the blank place.
    expect(driver.press('down').rows).toContain('A');
    expect(fieldOf(driver.press('left')).text).toBe('A');
  });

  it('menu: Left at the first character and Esc go back one screen', () => {
    expect(fieldOf(inField('port').press('left')).name).toBe('host');
    expect(fieldOf(inField('password').type('x').press('escape')).name).toBe('user');
    expect(kindOf(inField('host').press('left'))).toBe('config');
  });

  it('menu: a paste is taken as a whole, without its line end, or not at all', () => {
    const driver = inField('password').paste('from the clipboard\n');
    expect(driver.rows).toContain('SPACE AT 5 NOT ALLOWED.');
    expect(fieldOf(driver).text).toBe('');
    expect(fieldOf(inField('password').paste('good\r\n')).text).toBe('good');
    expect(inField('password').paste('two\nlines').rows).toContain('LINE BREAK AT 4 NOT ALLOWED.');
    expect(inField('password').paste('x'.repeat(MAX_LENGTH.password + 1)).screen).toContain('AT MOST 255 CHARACTERS');
  });
});

describe('menu: PROXY HOST shows the gateway', () => {
  it('menu: ENTER on the gateway is asked once more, another host is not', () => {
    const driver = MenuDriver.at(someFacts()).press('enter', 'enter');
    expect(driver.rows).toContain('10.9.2.1');
    expect(driver.press('enter').rows).toContain('IS 10.9.2.1 REALLY THE PROXY?');
    expect(fieldOf(driver.press('escape')).name).toBe('host');
    expect(fieldOf(driver.press('enter', 'enter')).name).toBe('port');
    expect(driver.state.draft?.answers.host).toBe('10.9.2.1');
  });

  it('menu: the question about the gateway fits on the small display, whatever the address', () => {
    for (const gateway of ['10.9.2.1', '192.168.100.200']) {
      const driver = new MenuDriver('16x2', { gateways: [gateway] });
      driver.send({ kind: 'facts', facts: someFacts(), outcome: { kind: 'unknown' } }).press('enter', 'enter', 'enter');
      expect(driver.screen).toMatch(new RegExp(`^(?:IS )?${gateway}\nREALLY A PROXY\\?$`));
    }
  });

  it('menu: without an IPv4 gateway PROXY HOST is blank and must be entered', () => {
    const driver = new MenuDriver('80x24', { gateways: ['fe80::1'] });
    driver.send({ kind: 'facts', facts: someFacts(), outcome: { kind: 'unknown' } }).press('enter', 'enter', 'enter');
    expect(driver.screen).toContain('PROXY HOST IS BLANK');
  });
});

describe('menu: stored parameters', () => {
  const params = () => MenuDriver.at(ENABLED).press('enter', 'enter');

  it('menu: ENTER keeps every shown value, the password too', () => {
    const driver = params().press('enter', 'enter', 'enter');
    expect(driver.rows).toContain('(UNCHANGED)');
    driver.press('enter', 'enter');
    const { facts, draft, direction } = driver.last('change');
    expect(changeOfOrder({ facts, draft, direction })).toEqual({ edits: [] });
  });

  it('menu: a new host or port needs the password again', () => {
    const host = params().type('OTHER').press('enter', 'enter', 'enter');
    const port = params().press('enter').type('81').press('enter', 'enter');
    for (const driver of [host, port]) {
      expect(driver.rows).toContain('PASSWORD NEEDED AGAIN.');
      expect(fieldOf(driver.press('enter')).name).toBe('password');
      expect(kindOf(driver.type('again').press('enter'))).toBe('really');
    }
  });

  it('menu: a removed user also removes the password', () => {
    const driver = params().press('enter', 'enter', 'backspace', 'enter', 'enter', 'enter');
    const { facts, draft, direction } = driver.last('change');
    expect(changeOfOrder({ facts, draft, direction }).edits).toEqual([
      { kind: 'set', path: ['proxies', 0, 'authentication'], value: 'transparent' },
      { kind: 'remove', path: ['proxies', 0, 'user'] },
      { kind: 'remove', path: ['proxies', 0, 'password'] },
    ]);
  });

  it('menu: a user needs a password, and a password a user', () => {
    expect(inField('password').press('enter').screen).toContain('PASSWORD NEEDED');
    const alone = inField('user').press('enter').type('x').press('enter');
    expect(alone.screen).toContain('PASSWORD WITHOUT USER');
  });

  it.each(['pac', 'environment'])('menu: a profile of scheme %s is left as it is, and the menu says so', (scheme) => {
    const driver = MenuDriver.at(someFacts({ proxies: [aProfile({ scheme, address: null })] })).press('enter');
    expect(driver.rows).toContain('PROXY NOT CHANGED');
    expect(kindOf(driver.press('enter'))).toBe('setup');
  });

  it('menu: purposes with a route of their own are listed before the question', () => {
    const uses = { ...someFacts().use_proxy_for, support_logs: 'none', updates: 'lab' };
    const driver = MenuDriver.at(someFacts({ use_proxy_for: uses })).press('enter', 'enter');
    driver.press('enter', 'enter');
    driver.press('enter', 'enter', 'enter');
    expect(driver.rows.join(' ')).toContain('GOING DIRECT: support_logs. updates USES PROXY lab.');
    expect(driver.press('enter').rows).toContain('REALLY ENABLE PROXY?');
  });

  it('menu: DISABLE PROXY under proxy_required is refused with the name of the key', () => {
    const driver = MenuDriver.at({ ...ENABLED, proxy_required: true }).press('down', 'enter');
    expect(driver.screen).toContain('proxy_required');
    expect(driver.press('enter').effects).toEqual([]);
  });
});

it('menu: without settings, it says that ENTER tries again and Ctrl-C leaves', () => {
  const driver = new MenuDriver('80x24');
  driver.send({ kind: 'unavailable', failure: { code: 'CONFIG-UNREADABLE', message: 'No file.', check: 'Write it.' } });
  expect(driver.rows.at(-1)).toBe('Up Down: scroll   ENTER: try again   Ctrl-C: quit');
  expect(driver.press('enter').last('look')).toEqual({ kind: 'look', pin: null });
});

describe('menu: the result of a change', () => {
  const FAILED = {
    kind: 'failed',
    failure: { code: 'TCP-REFUSED', message: 'Connection refused.', check: 'Check the port.' },
  } as const;
  const enabling = () => inField('password').type('s3cret').press('enter', 'enter');

  it('menu: the trial shows its stages and then the name and address of the appliance', () => {
    const driver = enabling();
    expect(driver.rows).toContain('ENABLING PROXY SUPPORT');
    driver.send({ kind: 'stage', stage: CONNECTED });
    expect(driver.rows).toContain('CONNECT OK (updates)');
    const outcome = { kind: 'connected', name: 'SENSOR-07', address: '10.9.2.7' } as const;
    driver.send({ kind: 'changed', result: { kind: 'made', outcome, note: null } });
    expect(driver.rows).toContain('SENSOR-07–10.9.2.7');
  });

  it('menu: on a small display, every stage fits into two rows of whole words', () => {
    const driver = inField('password', '16x2').type('s3cret').press('enter', 'enter');
    expect(driver.screen).toBe('ENABLING PROXY\nSUPPORT');
    const stages = diagnosisSchema.shape.purposes.element.shape.stages.element.shape.name.options;
    for (const purpose of PURPOSES) {
      for (const stage of stages) {
        for (const code of [null, 'PROXY-TLS-UNTRUSTED']) {
          driver.send({ kind: 'stage', stage: { stage, purpose, code } });
          const rows = stageRows({ stage, purpose, code });
          for (const row of rows) expect(row.length, row).toBeLessThanOrEqual(16);
          expect(driver.screen).toBe(rows.join('\n'));
        }
      }
    }
    driver.send({ kind: 'stage', stage: { stage: 'proxy_tls', purpose: 'support_logs', code: 'PROXY-TLS-UNTRUSTED' } });
    expect(driver.screen).toBe('SUPPORT LOGS\nPROXY TLS FAILED');
    driver.send({ kind: 'stage', stage: { ...CONNECTED, purpose: 'exposure_analytics' } });
    expect(driver.screen).toBe('ANALYTICS\nCONNECT OK');
  });

  it('menu: the name and address stay in the head line if a later look knows no outcome', () => {
    const outcome = { kind: 'connected', name: 'SENSOR-07', address: '10.9.2.7' } as const;
    const driver = enabling().send({ kind: 'changed', result: { kind: 'made', outcome, note: null } });
    driver.send({ kind: 'facts', facts: ENABLED, outcome: { kind: 'unknown' } });
    expect(driver.rows[0]).toMatch(/^SALLYPORT +SENSOR-07–10\.9\.2\.7$/);
    driver.send({ kind: 'idle' }).send({ kind: 'facts', facts: ENABLED, outcome: { kind: 'unknown' } });
    expect(driver.rows[0]).toBe('SALLYPORT');
  });

  it('menu: a failure keeps the previous settings and offers four choices', () => {
    const driver = enabling().send({ kind: 'changed', result: FAILED });
    expect(driver.rows).toContain('The previous settings remain in effect.');
    expect(driver.press('enter').rows).toEqual(
      expect.arrayContaining(['> TRY AGAIN', 'KEEP AND EDIT', 'REVERT', 'SAVE ANYWAY']),
    );
    driver.press('enter');
    expect(driver.last('change')).toMatchObject({ saveAnyway: false });
    driver.send({ kind: 'changed', result: FAILED }).press('enter', 'down', 'enter');
    expect(fieldOf(driver).text).toBe('P');
    const reverted = enabling().send({ kind: 'changed', result: FAILED }).press('enter', 'down', 'down', 'enter');
    expect(reverted.state).toMatchObject({ draft: null, screen: { kind: 'setup' } });
    const saved = enabling().send({ kind: 'changed', result: FAILED }).press('enter', 'down', 'down', 'down', 'enter');
    expect(saved.last('change')).toMatchObject({ saveAnyway: true });
  });

  it('menu: if another user changed the file, the menu reads it again and drops what was entered', () => {
    const failure = { ...FAILED.failure, code: 'CONFIG-CHANGED' };
    const driver = enabling().send({ kind: 'changed', result: { kind: 'failed', failure } });
    expect(driver.rows).toContain('CONFIG-CHANGED');
    expect(driver.press('escape').rows).toContain('CONFIG-CHANGED');
    expect(driver.press('enter').last('look')).toEqual({ kind: 'look', pin: null });
    driver.send({ kind: 'facts', facts: ENABLED, outcome: { kind: 'unknown' } });
    expect(driver.rows).toContain('> CHANGE PROXY PARAMS');
    expect(driver.state.draft).toBeNull();
  });

  it('menu: a proxy with only Basic is asked about, and authentication basic is written', () => {
    const failure = { ...FAILED.failure, code: 'AUTH-CLEARTEXT' };
    const driver = enabling().send({ kind: 'changed', result: { kind: 'failed', failure } });
    expect(driver.rows).toContain('SEND PASSWORD IN CLEAR?');
    const { facts, draft, direction } = driver.press('enter').last('change');
    const written = JSON.stringify(changeOfOrder({ facts, draft, direction }).edits);
    expect(written).toContain('"authentication":"basic"');
    expect(written).not.toContain('allow_cleartext');
  });

  it('menu: Esc cancels a running test, and the question is asked again', () => {
    const driver = enabling().press('escape');
    expect(driver.rows).toContain('CANCELLING');
    expect(driver.effects.at(-1)).toEqual({ kind: 'cancel' });
    expect(kindOf(driver.send({ kind: 'changed', result: { kind: 'cancelled' } }))).toBe('really');
  });

  it('menu: ENTER at USER LOGIN leads to the activation key, which is never shown', () => {
    const driver = enabling();
    driver.send({ kind: 'changed', result: { kind: 'made', outcome: { kind: 'user-login' }, note: null } });
    expect(driver.rows).toContain('USER LOGIN');
    driver.press('enter').paste('abcd-efgh-ijkl-mnop');
    expect(driver.rows).toContain('****-****-****-****');
    expect(driver.press('enter').last('activate').key).toBe('ABCD-EFGH-IJKL-MNOP');
  });

  it('menu: Esc cancels an activation that is running', () => {
    const driver = enabling();
    driver.send({ kind: 'changed', result: { kind: 'made', outcome: { kind: 'user-login' }, note: null } });
    driver.press('enter').paste('abcd-efgh-ijkl-mnop').press('enter').press('escape');
    expect(driver.rows).toContain('CANCELLING');
    expect(driver.effects.at(-1)).toEqual({ kind: 'cancel' });
    expect(kindOf(driver.send({ kind: 'activated', result: { kind: 'cancelled' } }))).toBe('setup');
  });
});

describe('menu: the size of the terminal', () => {
  const resized = (driver: MenuDriver, columns: number, rows: number) =>
    driver.send({ kind: 'resized', window: { columns, rows } });

  it.each([
    [80, 24, '80x24'],
    [200, 60, '80x24'],
    [80, 18, '80x24'],
    [80, 17, '16x2'],
    [79, 24, '16x2'],
  ] as const)('menu: a terminal of %ix%i gets the layout for %s', (columns, rows, size) => {
    expect(resized(MenuDriver.at(someFacts()), columns, rows).state.size).toBe(size);
    expect(resized(MenuDriver.at(someFacts(), '16x2'), columns, rows).state.size).toBe('16x2');
  });

  it('menu: a terminal too small for full screens gets two rows, the keys, and the size needed', () => {
    const { screen } = resized(MenuDriver.at(someFacts()).press('enter', 'enter'), 60, 15);
    expect(screen.trimEnd()).toBe(
      [
        'PROXY HOST\n10.9.2.1\n',
        'Up Down: change character   Left Right: move   ENTER: take\nEsc: back\n',
        'This terminal has 60x15. Full screens need 80x18.',
      ].join('\n'),
    );
  });

  it('menu: a terminal of 10 columns shows what it needs', () => {
    expect(resized(MenuDriver.at(someFacts()), 10, 1).screen).toBe('NEEDS 16x2');
    expect(resized(MenuDriver.at(someFacts(), '16x2'), 15, 2).screen).toBe('NEEDS 16x2');
  });

  it('menu: a new size keeps the screen and what was entered', () => {
    const driver = inField('password').type('s3cret');
    resized(resized(driver, 40, 10), 80, 24).press('enter', 'enter');
    expect(driver.last('change').draft?.answers.password).toEqual({ kind: 'typed', text: 's3cret' });
  });

  it('menu: with 18 rows, every screen has its keys in the last row and no text is lost', () => {
    const failure = { code: 'TCP-REFUSED', message: 'word '.repeat(200), check: 'The end.' };
    const driver = resized(inField('password').type('s').press('enter'), 80, 18).press('enter');
    for (let stage = 1; stage <= 20; stage += 1)
      driver.send({ kind: 'stage', stage: { ...CONNECTED, stage: `stage_${stage}` } });
    expect(driver.rows).toContain('STAGE 20 OK (updates)');
    driver.send({ kind: 'changed', result: { kind: 'failed', failure } });
    for (let line = 1; line <= 30; line += 1) driver.press('down');
    expect(driver.rows).toContain('The previous settings remain in effect.');
    driver.press('enter');
    expect(driver.screen.split('\n')).toHaveLength(18);
    expect(driver.rows.at(-1)).toBe('Up Down: select   ENTER: continue');
    expect(driver.rows.at(-2)).toContain('SAVE ANYWAY     save them');
  });
});

describe('menu: any keys', () => {
  const SECRET = 'Zq7!vX#9kP';
  const key = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom(
        'up',
        'down',
        'left',
        'right',
        'enter',
        'escape',
        'backspace',
        'delete',
        'home',
        'end',
      ),
    },
    { weight: 1, arbitrary: fc.constant('secret') },
  );
  const FAILURE = { code: 'AUTH-CLEARTEXT', message: 'm'.repeat(90), check: 'c' };
  const answers: readonly MenuEvent[] = [
    { kind: 'stage', stage: CONNECTED },
    { kind: 'changed', result: { kind: 'failed', failure: FAILURE } },
    { kind: 'changed', result: { kind: 'failed', failure: { ...FAILURE, code: 'TCP-REFUSED' } } },
    { kind: 'changed', result: { kind: 'made', outcome: { kind: 'user-login' }, note: 'n' } },
    { kind: 'activated', result: { kind: 'failed', failure: FAILURE } },
    { kind: 'locked', note: 'WRONG PIN' },
    { kind: 'unavailable', failure: FAILURE },
    { kind: 'facts', facts: ENABLED, outcome: { kind: 'user-login' } },
    { kind: 'idle' },
  ];
  const LEFT_BY_UP: readonly MenuScreen['kind'][] = ['config', 'really'];

  it('menu: no sequence throws, shows the password, or leaves another screen by Up', () => {
    const event = fc.oneof({ weight: 9, arbitrary: key }, { weight: 1, arbitrary: fc.constantFrom(...answers) });
    const size = fc.constantFrom('80x24', '16x2' as const);
    const window = fc.record({ columns: fc.integer({ min: 1, max: 100 }), rows: fc.integer({ min: 1, max: 30 }) });
    fc.assert(
      fc.property(size, fc.array(event, { maxLength: 120 }), fc.option(window), (display, events, area) => {
        const driver = MenuDriver.at(events.length % 2 === 0 ? someFacts() : ENABLED, display);
        driver.send({ kind: 'resized', window: area });
        for (const one of events) {
          const before = driver.state.screen;
          if (one === 'secret') typeSecret(driver);
          else if (typeof one === 'string') driver.press(one);
          else driver.send(one);
          const after = driver.state.screen;
          if (one === 'up' && before.kind !== after.kind) expect(LEFT_BY_UP).toContain(before.kind);
          const { lines, cursor } = frameOf(driver.state);
          expect(lines.join('')).not.toContain(SECRET);
          const { columns, rows } = area ?? (display === '16x2' ? { columns: 16, rows: 2 } : { columns: 80, rows: 24 });
          expect(lines.length).toBeLessThanOrEqual(rows);
          expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(columns);
          expect(cursor === null || (cursor.column < columns && cursor.row < rows)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  function typeSecret(driver: MenuDriver): void {
    const { screen } = driver.state;
    // The text of the other fields is shown.
    if (screen.kind === 'field' && screen.field.name !== 'password') return;
    driver.paste(SECRET);
  }

  it('menu: a state is never changed in place', () => {
    const driver = inField('user');
    const before = JSON.stringify(driver.state);
    const { state } = driver;
    stepMenu(state, { kind: 'key', key: { kind: 'up' } });
    expect(JSON.stringify(state)).toBe(before);
  });
});
