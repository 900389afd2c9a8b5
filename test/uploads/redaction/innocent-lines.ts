// Lines of logs that hold no secret, as templates: each place in braces is filled with another value for each line.

type Fill = (n: number) => string;

const hex = (n: number, length: number) => {
  let text = '';
  for (let state = (n + 1) * 2_654_435_761; text.length < length; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    text += state.toString(16).padStart(8, '0');
  }
  return text.slice(0, length);
};
const base64 = (n: number, length: number) =>
  Buffer.from(hex(n, length * 2), 'hex')
    .toString('base64')
    .replaceAll('=', 'A')
    .slice(0, length);
const pad = (n: number, length = 2) => String(n).padStart(length, '0');

const FILLS: Readonly<Record<string, Fill>> = {
  time: (n) => `2026-${pad(1 + (n % 12))}-${pad(1 + (n % 28))}T${pad(n % 24)}:${pad(n % 60)}:${pad((n * 7) % 60)}`,
  ms: (n) => String(1_764_000_000_000 + n * 1_237),
  ns: (n) => String(1_764_000_000_000_000_000n + BigInt(n) * 1_237_123_457n),
  n: (n) => String((n * 7_919) % 100_000),
  small: (n) => String(n % 100),
  size: (n) => `${((n * 37) % 900) / 10} MB`,
  uuid: (n) => hex(n, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
  sha256: (n) => hex(n, 64),
  commit: (n) => hex(n, 40),
  short: (n) => hex(n, 7),
  md5: (n) => hex(n, 32),
  sha512: (n) => `${base64(n, 86)}==`,
  line64: (n) => base64(n, 64),
  ip: (n) => `10.${n % 256}.${(n * 3) % 256}.${(n * 7) % 256}`,
  ipv6: (n) => `fe80::${hex(n, 4)}:${hex(n + 1, 4)}`,
  mac: (n) => hex(n, 12).replaceAll(/..(?=.)/g, '$&:'),
  version: (n) => `${n % 9}.${n % 30}.${n % 11}`,
  id: (n) => String(1_602_000 + n),
  id16: (n) => String(1_000_000_000_000_000 + n * 7_654_321),
};

const TEMPLATES: readonly string[] = `
{time} [INFO] [Thread: Updater] Checking for updates at https://updates.example.com/feed.json.
{time} [INFO] [Thread: Updater] Connected to {ip}:34155 through proxy corp (tunnel) for update ID {id}.
{time} [INFO] [Thread: Updater] Response via 1.1 proxy.example.com (squid/6.{small}).
{time} [INFO] [Thread: Updater] Downloading update ID {id}.
{time} [INFO] [Thread: Updater] Verified update ID {id}: sha256 {sha256}.
{time} [INFO] [Thread: Updater] Published update ID {id} as /srv/sallyport/packages/{id}.jar.
{time} [WARN] [Thread: Updater] Update ID {id} failed at {ip}:443: [NOT-THE-PACKAGE] Expected a .JAR of {size}, got text/html.
{time} [ERROR] [Thread: Updater] The check failed at proxy corp ({ip}:8080): [AUTH-REJECTED] Proxy corp has refused user CORP\\sallyport (Basic) since {time}; it never worked here before. Tried once; not retrying, to avoid account lockout. Check user and password of proxy corp: they may have expired or been replaced.
{time} [INFO] [Thread: Config] New configuration loaded: {small} settings changed.
{time} [WARN] [Thread: Config] proxies[0].password: Found: nothing. Allowed: {file: PATH}, {env: NAME}, {credential: NAME}
{"time":"{time}","level":"info","thread":"Updater","message":"Waiting up to 29 s for update ID {id} ({size})","fields":{"purpose":"updates","bytes":{n}}}
    at Object.<anonymous> (/opt/app/node_modules/express/lib/router/index.js:{n}:{small})
    at async Promise.all (index {small})
    at com.example.security.TokenProvider.refreshToken(TokenProvider.java:{n})
    at org.springframework.security.authentication.PasswordAuthenticationToken.<init>(PasswordAuthenticationToken.java:{n})
Caused by: java.lang.IllegalArgumentException: Unexpected token: VALUE_STRING at line {small}
SyntaxError: Unexpected token < in JSON at position {small}
SyntaxError: Unexpected token '<', "<!DOCTYPE "... is not valid JSON
  File "/usr/lib/python3.11/site-packages/requests/auth.py", line {n}, in __call__
KeyError: 'password'
TypeError: Cannot read properties of undefined (reading 'token')
goroutine {small} [running]: main.(*Server).handleToken(0xc0001{short}) /src/server.go:{n}
panic: runtime error: invalid memory address or nil pointer dereference [signal SIGSEGV: code=0x1 addr=0x{short}]
commit {commit}
{short} Merge branch 'feature/token-refresh' into main
Fast-forward {short}..{short} main -> origin/main
Author date {time}+01:00, tree {commit}, parent {commit}
npm http fetch GET 200 https://registry.example.com/@types%2fnode {n}ms (cache hit)
npm warn deprecated glob@7.2.{small}: Glob versions prior to v9 are no longer supported
"integrity": "sha512-{sha512}",
added {n} packages, and audited {n} packages in {small}s
{line64}
-----BEGIN CERTIFICATE-----
-----END CERTIFICATE-----
ETag: "{md5}"
Digest: sha-256={line64}
docker.io/library/nginx@sha256:{sha256}
Pulling from library/postgres, digest: sha256:{sha256}, status: downloaded
request_id={uuid} method=GET path=/api/v1/users/{n} status=200 duration={small}ms
trace_id={md5} span_id={short}abcdef012 parent_id=none sampled=true
{ip} - - [30/Nov/2026:04:12:{small} +0000] "GET /static/app.{short}.js HTTP/1.1" 200 {n} "-" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
{ip} TCP_TUNNEL/200 {n} CONNECT updates.example.com:443 - HIER_DIRECT/{ip} -
Nov 30 04:12:{small} web1 sshd[{n}]: Accepted publickey for deploy from {ip} port {n} ssh2: RSA SHA256:{line64}
Nov 30 04:12:{small} web1 sshd[{n}]: Failed password for invalid user admin from {ip} port {n} ssh2
Nov 30 04:12:{small} web1 sudo: pam_unix(sudo:session): session opened for user root(uid=0) by deploy(uid={n})
Nov 30 04:12:{small} web1 systemd[1]: Started user@1000.service - User Manager for UID 1000.
Nov 30 04:12:{small} web1 kernel: [{n}.{n}] eth0: link up, {mac}, 1000 Mbps
Nov 30 04:12:{small} web1 CRON[{n}]: (root) CMD (test -x /usr/sbin/anacron || run-parts /etc/cron.daily)
Nov 30 04:12:{small} web1 polkitd[{n}]: Registered Authentication Agent for unix-session:{small}
Nov 30 04:12:{small} web1 systemd-logind[{n}]: New session {small} of user deploy.
{time} LOG:  checkpoint complete: wrote {n} buffers (0.1%); 0 WAL file(s) added
{time} FATAL:  password authentication failed for user "app"
{time} ERROR:  duplicate key value violates unique constraint "users_pkey"
{time} DETAIL:  Key (id)=({n}) already exists.
{time} DEBUG o.s.s.w.a.UsernamePasswordAuthenticationFilter - Request is to process authentication
{time} INFO Token bucket refilled: {n} tokens, max_tokens={n}
{time} INFO token expired, requesting a new one
{time} INFO access token refreshed, expires_in={n}
{time} INFO Refresh token rotation is enabled
{time} INFO password changed for user {n}
{time} INFO password policy: minimum length {small}, history {small}
{time} WARN password expires in {small} days
{time} WARN Invalid token: signature mismatch
{time} WARN Authentication token missing from request {uuid}
{time} INFO Authorization: denied for role viewer on resource {n}
{time} INFO authorization=granted policy=default subject={n}
{time} INFO auth=ntlm, proxy=corp, attempts={small}
{time} INFO token_type=bearer scope=read expires_in={n}
{time} INFO prompt_tokens={n} completion_tokens={n} total_tokens={n}
{time} INFO primary key: {n}, cache_key=user:{n}:profile, partition_key={small}
{time} INFO secretName: tls-cert-{small}, secretVersion: {small}
{time} INFO Loaded secret from /run/secrets/db-{small}
{time} INFO password_file=/etc/app/password-{small}
{time} INFO Public key fingerprint: {mac}:{mac}
{time} INFO public_key={line64}
{time} INFO Cookie: none
{time} INFO cookies enabled, cookie_count={small}
{time} INFO Session {uuid} created
{time} INFO Serial number {sha256}, thumbprint {commit}
{time} INFO OpenSSL cipher TLS_AES_256_GCM_SHA384, curve X25519, session reused
{time} INFO notBefore=Nov 30 04:12:05 2026 GMT notAfter=Nov 30 04:12:05 2027 GMT
{time} INFO queue depth {n}, oldest {n} ms, offset {n}, partition {small}
{time} INFO uploaded part {small} of {small}, {n} bytes at {size}/s
{time} INFO order {id16} accepted at {ms}
{time} INFO monotonic {ns}, epoch {ms}
{time} INFO key=value pairs: a={n} b={small} c=true d=null
{time} INFO passed {n} tests, failed 0, pass rate 100%
PASS src/components/login.test.tsx ({small} s)
ok {n} - auth: login with password works
  password: ********
  password: <redacted>
  token: \${API_TOKEN}
  secret: null
  apiKey: undefined
  "password": "***",
  "tokens": {n},
DB_PASSWORD_FILE=/run/secrets/db
export PATH=/usr/local/bin:/usr/bin:/bin
GET https://updates.example.com/packages/{id}.jar?v={version}&n={n} 206
GET /login?next=%2Fhome%3Ftab%3D{small} 302
POST /oauth/token 200 {small}ms
HEAD https://cdn.example.com/{sha256}/file.tar.gz 200
cache-control: no-cache, max-age={n}
user-agent: curl/8.{small}.0
x-request-id: {uuid}
content-length: {n}
www-authenticate: Basic realm="corp"
www-authenticate: Negotiate
proxy-authenticate: NTLM
idempotency-key: {uuid}
sec-websocket-accept: {short}Gt7R==
Starting Sallyport {version} on Node 26.{small}.0, process {n}
installed com.example.app.token.TokenStore version {version}
icon@2x.png loaded, sprite@{version}.svg cached
getty@tty{small}.service: Deactivated successfully.
ssh://git@git.example.com/team/repo-{small}.git
git@github.com:team/repo-{small}.git
go: downloading github.com/example/pkg v{version}-0.20261130041205-{short}abcde
rpm: kernel-5.14.0-{small}.el9.x86_64 is already installed
MemTotal: {n} kB, HugePages_Total: {small}
eth0: flags=4163<UP,BROADCAST,RUNNING,MULTICAST> mtu 1500 inet {ip} inet6 {ipv6}
{small}% [====>     ] {n}/{n} ETA 00:{small}
Traceback (most recent call last): line {n}, column {small}
segfault at {short} ip 00007f{short} sp 00007ffd{short} error 4 in libc.so.6
`
  .split('\n')
  .filter((line) => line !== '');

/** At least `count` different lines. */
export function innocentLines(count: number): string[] {
  return Array.from({ length: Math.ceil(count / TEMPLATES.length) }, (_none, round) =>
    TEMPLATES.map((template, index) =>
      template.replaceAll(
        /\{([a-z0-9]+)\}/g,
        (whole, name: string, at: number) => FILLS[name]?.(round * 131 + index * 7 + at) ?? whole,
      ),
    ),
  ).flat();
}
