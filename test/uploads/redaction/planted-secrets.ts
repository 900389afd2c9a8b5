// Lines of logs and configuration files with secrets in them, in the forms in which real programs write them. Written
// without knowledge of the rules, so that it measures what they find. Values are random, seeded and valid in form: check
// digits, prefixes and lengths are those of the issuers.

import { createHash } from 'node:crypto';
import { Draw } from './draw.ts';

/** One planted secret. */
export interface Planted {
  /** What kind of secret it is; the name of the rule that should find it. */
  readonly kind: string;
  /** One line, or several for a key. */
  readonly text: string;
  /** None of these may be left after redaction. */
  readonly secrets: readonly string[];
}

/** `§` stands for the secret, `#` for a digit, `%` for a host, `~` for a user. */
type Shape = readonly [secret: (draw: Draw) => string, ...templates: string[]];

const password = (draw: Draw) =>
  draw.text(draw.whole(10, 24), 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789-_.!');
const token = (draw: Draw) => draw.base62(draw.whole(28, 48));
const base64Of = (text: string) => Buffer.from(text).toString('base64');
const json64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

const jwt = (draw: Draw) =>
  [
    json64({ alg: draw.pick(['HS256', 'RS256', 'ES256']), typ: 'JWT', kid: draw.hex(8) }),
    json64({ sub: draw.user(), iat: draw.whole(1_700_000_000, 1_790_000_000), scope: 'read write' }),
    draw.base64url(43),
  ].join('.');

function card(draw: Draw): string {
  const [prefix, length] = draw.pick([
    ['4', 16],
    ['51', 16],
    ['5555', 16],
    ['2720', 16],
    ['34', 15],
    ['37', 15],
    ['6011', 16],
  ] as const);
  const body = prefix + draw.digits(length - prefix.length - 1);
  const sum = [...body].toReversed().reduce((total, digit, at) => {
    const doubled = at % 2 === 0 ? Number(digit) * 2 : Number(digit);
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  const number = body + ((10 - (sum % 10)) % 10);
  if (length === 15 || draw.whole(0, 2) === 0) return number;
  return number.replace(/(\d{4})(?=\d)/g, draw.pick(['$1 ', '$1-']));
}

function iban(draw: Draw): string {
  const [country, bban] = draw.pick([
    ['DE', draw.digits(18)],
    ['FR', `${draw.digits(10)}${draw.text(11, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789')}${draw.digits(2)}`],
    ['GB', `${draw.text(4, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ')}${draw.digits(14)}`],
    ['NL', `${draw.text(4, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ')}${draw.digits(10)}`],
    ['CH', draw.digits(17)],
    ['ES', draw.digits(20)],
    ['AT', draw.digits(16)],
  ] as const);
  const digits = `${bban}${country}00`.replace(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55));
  const check = String(98n - (BigInt(digits) % 97n)).padStart(2, '0');
  const whole = `${country}${check}${bban}`;
  return draw.whole(0, 1) === 0 ? whole : whole.replace(/(.{4})(?=.)/g, '$1 ');
}

const passwordHash = (draw: Draw) =>
  draw.pick([
    () => `$6$${draw.base64hash(16)}$${draw.base64hash(86)}`,
    () => `$5$rounds=5000$${draw.base64hash(16)}$${draw.base64hash(43)}`,
    () => `$1$${draw.base64hash(8)}$${draw.base64hash(22)}`,
    () => `$2y$10$${draw.base64hash(53)}`,
    () => `$2b$12$${draw.base64hash(53)}`,
    () => `$y$j9T$${draw.base64hash(22)}$${draw.base64hash(43)}`,
    () => `$argon2id$v=19$m=65536,t=3,p=4$${draw.base64(22)}$${draw.base64(43)}`,
    () => `$apr1$${draw.base64hash(8)}$${draw.base64hash(22)}`,
    () => `{SSHA}${draw.base64(32)}`,
  ])();

const SHAPES: Readonly<Record<string, Shape>> = {
  'authorization-header': [
    token,
    'Authorization: Bearer §',
    'authorization: bearer §',
    '> Proxy-Authorization: Negotiate §',
    '  "Authorization": "Bearer §",',
    "headers: { authorization: 'Token §', accept: '*/*' }",
    '2026-11-30 08:12:0# DEBUG http - >> "Authorization: Bearer §[\\r][\\n]"',
    'curl -H "Authorization: Bearer §" https://%/v1/items',
    'time="2026-11-30T08:00:0#Z" level=debug msg="request" header="Authorization:[Bearer §]"',
    'Proxy-Authorization: NTLM §',
    "{'Authorization': 'Bearer §', 'User-Agent': 'python-requests/2.31'}",
    'X-Forwarded-Authorization: Bearer §',
    'GET /v1 HTTP/1.1\\r\\nHost: %\\r\\nAuthorization: Bearer §\\r\\n\\r\\n',
  ],
  'aws-key': [
    (draw) => draw.pick(['AKIA', 'ASIA']) + draw.text(16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'),
    'aws_access_key_id = §',
    'AWS_ACCESS_KEY_ID=§',
    'x-amz-credential=§/2026113#/eu-central-1/s3/aws4_request',
    'InvalidAccessKeyId: The key § does not exist in our records',
    'Credential=§/2026113#/us-east-1/execute-api/aws4_request, SignedHeaders=host',
    '{"AccessKeyId":"§","Status":"Active"}',
  ],
  'aws-secret-key': [
    (draw) => draw.base64(40),
    'aws_secret_access_key = §',
    'AWS_SECRET_ACCESS_KEY=§',
    'export AWS_SECRET_ACCESS_KEY="§"',
    '{"SecretAccessKey":"§","SessionToken":""}',
    'secretAccessKey: §',
    '<SecretAccessKey>§</SecretAccessKey>',
  ],
  'azure-key': [
    (draw) => `${draw.base64(86)}==`,
    'DefaultEndpointsProtocol=https;AccountName=store#;AccountKey=§;EndpointSuffix=core.windows.net',
    'Endpoint=sb://%/;SharedAccessKeyName=Root;SharedAccessKey=§',
    'AccountEndpoint=https://%:443/;AccountKey=§;',
    'storage_account_key = "§"',
  ],
  'card-number': [
    card,
    'payment of 12.50 EUR with card § accepted',
    '{"pan":"§","exp":"12/28"}',
    'card_number=§&cvv=123',
    'PAN: § (#)',
    '<CardNumber>§</CardNumber>',
    'ERROR charge failed for §: insufficient funds',
    'cc=§;amount=#',
  ],
  'command-line': [
    password,
    'Nov 30 08:00:0# host sudo: root : TTY=pts/0 ; PWD=/root ; USER=root ; COMMAND=/usr/bin/mysqldump --password=§ db',
    'ps: ~ 123# mysql -h % -u ~ -p§ reports',
    'exec: curl -u ~:§ https://%/',
    'exec: curl --user ~:§ -T file https://%/',
    'curl --proxy-user ~:§ -x %:3128 https://example.org/',
    'wget --http-password=§ --http-user=~ https://%/f',
    'sshpass -p § ssh ~@%',
    'psql "host=% user=~ password=§ dbname=x"',
    'openssl pkcs12 -in f.p12 -passin pass:§ -nodes',
    'java -Dhttps.proxyPassword=§ -Dhttps.proxyUser=~ -jar agent.jar',
    'redis-cli -h % -a § ping',
    'docker login -u ~ --password § %',
    'ldapsearch -x -D cn=~ -w § -H ldaps://%',
    'CMD: net use Z: \\\\\\\\%\\\\share /user:~ /password:§',
  ],
  'cookie-header': [
    token,
    'Cookie: JSESSIONID=§',
    'Set-Cookie: session=§; Path=/; HttpOnly; Secure',
    'cookie: a=1; sid=§; theme=dark',
    '"set-cookie": ["connect.sid=§; Path=/; HttpOnly"]',
    '> Cookie: PHPSESSID=§; lang=en',
    '< set-cookie: __Host-token=§; SameSite=Lax',
    "{'Cookie': 'sessionid=§'}",
    'Set-Cookie: .AspNetCore.Session=§; path=/',
  ],
  'github-token': [
    (draw) =>
      draw.whole(0, 4) === 0
        ? `github_pat_${draw.base62(22)}_${draw.base62(59)}`
        : draw.pick(['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_']) + draw.base62(36),
    'remote: Invalid token § for repository',
    'GITHUB_TOKEN=§',
    'git clone https://x-access-token:§@github.com/example/app.git',
    'token: §',
    'gh auth login --with-token <<< §',
  ],
  'gitlab-token': [
    (draw) => draw.pick(['glpat-', 'gldt-', 'glrt-', 'glcbt-']) + draw.base62(20),
    'PRIVATE-TOKEN: §',
    'CI_JOB_TOKEN § expired',
    'https://oauth2:§@gitlab.example.com/a/b.git',
    'registered runner with §',
    'curl --header "PRIVATE-TOKEN: §" https://%/api/v4/projects',
  ],
  'google-key': [
    (draw) => (draw.whole(0, 1) === 0 ? `AIza${draw.base64url(35)}` : `ya29.${draw.base64url(60)}`),
    'GET https://maps.example.com/api?key=§&q=a',
    'apiKey: "§",',
    'google token § rejected: 401',
    '{"access_token":"§","expires_in":3599}',
    'GOOGLE_API_KEY=§',
  ],
  'http-credentials': [
    (draw) => base64Of(`${draw.user()}:${password(draw)}`),
    'Authorization: Basic §',
    'Proxy-Authorization: Basic §',
    '"proxy-authorization":"Basic §"',
    "-H 'Authorization: Basic §'",
    'http.request.header.authorization = Basic §',
    '> authorization: Basic §',
  ],
  iban: [
    iban,
    'transfer to § of # EUR',
    '{"iban":"§"}',
    'IBAN: §, BIC: DEUTDEFF',
    '<IBAN>§</IBAN>',
    'creditor account § not found',
  ],
  jwk: [
    (draw) => draw.base64url(draw.pick([43, 86, 171, 342])),
    '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"§"}',
    '{"kty":"oct","k":"§","alg":"HS256"}',
    '{ "kty": "OKP", "crv": "Ed25519", "d": "§", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }',
  ],
  jwt: [
    jwt,
    'token=§',
    'Bearer §',
    'session § expired',
    '{"id_token":"§"}',
    'wss://%/socket?access_token=§',
    'X-Auth: §',
    'decoded § for ~',
    'jwt="§", alg=RS256',
  ],
  'key-name': [
    password,
    'password=§',
    'password: §',
    'passwd = §',
    '"password": "§",',
    "'db_password' => '§',",
    'DB_PASSWORD=§',
    'spring.datasource.password=§',
    '<password>§</password>',
    '<add key="ClientSecret" value="§" />',
    'client_secret=§&grant_type=client_credentials',
    'client_secret: "§"',
    'api_key = "§"',
    'apiKey=§',
    'X-Api-Key: §',
    'secret: §',
    'passphrase "§"',
    'PGPASSWORD=§ psql',
    'proxy_password: §',
    'ldap.bindPassword = §',
    'auth_token=§',
    'refresh_token=§&client_id=abc',
    'Server=%;Database=x;User Id=~;Password=§;Encrypt=true',
    'POST /login user=~&pwd=§&submit=1',
    '{"level":"info","msg":"login","user":"~","password":"§"}',
    '{\\"password\\":\\"§\\",\\"user\\":\\"~\\"}',
    'encryption_key: §',
    'snmp-server community: x; privPassword §',
  ],
  'mail-address': [
    (draw) => `${draw.user()}.${draw.text(6, 'abcdefghijklmnop')}${draw.pick(['', '+log', '_x'])}@${draw.host()}`,
    'mail from <§> rejected',
    'user § logged in',
    'To: §',
    '{"email":"§","id":#}',
    'notify=§,ops',
    'mailto:§',
    'CN=~,emailAddress=§,O=Example',
    'GET /users?email=§',
    '§ has been locked after 5 failures',
  ],
  'npm-token': [
    (draw) => `npm_${draw.base62(36)}`,
    '//npm.example.com/:_authToken=§',
    'NPM_TOKEN=§',
    'npm ERR! 403 with token §',
  ],
  'password-hash': [
    passwordHash,
    '~:§:19000:0:99999:7:::',
    '~:§',
    'userPassword: §',
    'INSERT INTO users VALUES (#, "~", "§");',
    'hash for ~ is §',
    'auth: compare § failed',
  ],
  'pypi-token': [
    (draw) => `pypi-AgEIcHlwaS5vcmc${draw.base64url(120)}`,
    'password = §',
    'TWINE_PASSWORD=§',
    'upload with § refused',
  ],
  'service-token': [
    (draw) =>
      draw.pick([
        () => `sk-${draw.base62(48)}`,
        () => `sk-ant-api03-${draw.base64url(93)}AA`,
        () => `SG.${draw.base64url(22)}.${draw.base64url(43)}`,
        () => `hvs.${draw.base62(24)}`,
        () => `dop_v1_${draw.hex(64)}`,
        () => `shpat_${draw.hex(32)}`,
        () => `hf_${draw.base62(34)}`,
        () => `dp.pt.${draw.base62(43)}`,
        () => `key-${draw.hex(32)}`,
        () => `dckr_pat_${draw.base64url(27)}`,
      ])(),
    'using § for the request',
    'token § was revoked',
    'export SERVICE_TOKEN=§',
    '{"key":"§"}',
  ],
  'slack-token': [
    (draw) => `${draw.pick(['xoxb', 'xoxp', 'xoxa', 'xoxs'])}-${draw.digits(12)}-${draw.digits(12)}-${draw.base62(24)}`,
    'slack: posting with §',
    'SLACK_TOKEN=§',
    'token=§&channel=C01',
    '{"token":"§"}',
  ],
  'stripe-key': [
    (draw) => `${draw.pick(['sk_live_', 'rk_live_', 'sk_test_', 'whsec_'])}${draw.base62(draw.pick([24, 32, 99]))}`,
    'stripe key § is not valid',
    'STRIPE_SECRET_KEY=§',
    'curl https://api.example.com/v1/charges -u §:',
    '"apiKey": "§"',
  ],
  'url-signature': [
    (draw) => draw.pick([() => draw.hex(64), () => encodeURIComponent(`${draw.base64(43)}=`)])(),
    'GET https://%/b/f.jar?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=900&X-Amz-Signature=§',
    'https://%/c/b?sv=2022-11-02&se=2026-12-01&sr=b&sp=r&sig=§',
    'https://storage.example.com/f?X-Goog-Expires=900&X-Goog-Signature=§',
    'https://%/f?Expires=1764490000&Signature=§&Key-Pair-Id=K1',
    '302 Location: https://%/dl?token_sig=x&sig=§&id=#',
  ],
  'url-userinfo': [
    (draw) => draw.text(draw.whole(8, 20), 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789-_.'),
    'http_proxy=http://~:§@%:3128',
    'connecting to https://~:§@%/feed.json',
    'postgres://~:§@%:5432/app',
    'amqp://~:§@%:5672/vhost',
    'redis://:§@%:6379/0',
    'mongodb+srv://~:§@%/db?retryWrites=true',
    'fatal: unable to access "https://~:§@%/repo.git/": 403',
    'Acquire::http::Proxy "http://~:§@%:8080/";',
    'smb://~:§@%/share',
    'ftp://~:§@%/pub',
    'proxy: "http://CORP%5C~:§@%:8080"',
  ],
  webhook: [
    (draw) => draw.base62(24),
    'https://hooks.slack.com/services/T0#2345678/B01234567/§',
    'https://discord.com/api/webhooks/12345678901234567#/§abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH',
    'POST https://hooks.slack.com/services/T0ABCDEFG/B0ABCDEF#/§ 200',
    'https://example.webhook.office.com/webhookb2/a1b2c3d4-0000-4000-8000-0123456789ab@a1b2c3d4-0000-4000-8000-0123456789ab/IncomingWebhook/§/a1b2c3d4-0000-4000-8000-0123456789ab',
  ],
};

/** Private keys, several lines each. */
function privateKey(draw: Draw): Planted {
  const label = draw.pick([
    'RSA PRIVATE KEY',
    'PRIVATE KEY',
    'EC PRIVATE KEY',
    'OPENSSH PRIVATE KEY',
    'ENCRYPTED PRIVATE KEY',
    'DSA PRIVATE KEY',
  ]);
  const lines = Array.from({ length: draw.whole(3, 26) }, () => draw.base64(64));
  const rest = `${draw.base64(draw.whole(20, 60))}==`;
  const body = [...lines, rest];
  const whole = [`-----BEGIN ${label}-----`, ...body, `-----END ${label}-----`];
  const text = draw.pick([
    () => whole.join('\n'),
    () => whole.join('\r\n'),
    () => whole.map((line) => `    ${line}`).join('\n'),
    () => JSON.stringify({ private_key: `${whole.join('\n')}\n` }),
    () => `key: "${whole.join('\\n')}"`,
    () => `2026-11-30T08:00:00Z loaded ${whole.join('\n')} from disk`,
    // Cut off at the end of a file.
    () => whole.slice(0, -1).join('\n'),
  ])();
  return { kind: 'private-key', text, secrets: body };
}

function fromShape(kind: string, [make, ...templates]: Shape, draw: Draw, round: number): Planted {
  const secret = make(draw);
  const template = templates[round % templates.length] ?? '§';
  const text = template
    .replaceAll('#', draw.digits(1))
    .replaceAll('%', draw.host())
    .replaceAll('~', draw.user())
    .replace('§', () => secret);
  return { kind, text, secrets: [secret] };
}

/** The same secrets each time; `each` of every kind. */
export function plantedSecrets(each: number, seed = 'planted'): Planted[] {
  const planted: Planted[] = [];
  for (const [kind, shape] of Object.entries(SHAPES)) {
    const draw = new Draw(createHash('sha256').update(`${seed} ${kind}`).digest());
    for (let round = 0; round < each; round += 1) planted.push(fromShape(kind, shape, draw, round));
  }
  const draw = new Draw(createHash('sha256').update(`${seed} private-key`).digest());
  for (let round = 0; round < each; round += 1) planted.push(privateKey(draw));
  return planted;
}
