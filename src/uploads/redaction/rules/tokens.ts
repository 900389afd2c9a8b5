// Finds tokens and keys by their own form, anywhere in a text. Most have a prefix, which their issuer adds so that
// scanners find them. Pure.
//
// The expressions take linear time. A long run of characters is always followed by a character that the run cannot
// contain. An expression that may fail after a long run does not begin inside such a run.

import { type BundleRule, type ExpressionRule, ruleOf } from './rule.ts';

/** Any one of the forms, with no letter or digit before and after it. */
function anyOf(...forms: readonly string[]): RegExp {
  return new RegExp(`(?<![A-Za-z0-9])(?:${forms.join('|')})(?![A-Za-z0-9])`, 'g');
}

/** Examples are put together so that scanners of source code do not report them. */
const sample = (prefix: string, length: number, alphabet = 'q7Rt2Vx9Lm4Kd8Ws') =>
  prefix + alphabet.repeat(Math.ceil(length / alphabet.length)).slice(0, length);

const TOKENS: readonly ExpressionRule[] = [
  {
    name: 'jwt',
    version: 1,
    masks: 'JSON Web Tokens (JWT, JWS and JWE)',
    example: `id ${sample('eyJhbGciOiJIUzI1NiJ9.eyJ', 20)}.${sample('', 43)} end`,
    untouched: 'eyJhbGciOiJIUzI1NiJ9',
    hint: /ey[AJ]|ewo/,
    // RFC 7515, 3.1 and RFC 7516, 3.1: the first part is the base64url of a JSON object, which begins with {" or { and
    // white space. A part may be empty: the key of JWE, the signature of an unsecured token.
    expression: /(?<![A-Za-z0-9_-])(?:ey[AJ]|ewo)[A-Za-z0-9_-]{8,}={0,2}(?:\.[A-Za-z0-9_-]*={0,2}){1,4}/g,
    // Grafana, 1Password and others write their keys as such an object in base64, without a signature.
    others: [{ expression: /(?<![A-Za-z0-9_-])(?:eyJrIjoi|ops_eyJ)[A-Za-z0-9_-]{40,}={0,2}/g }],
    accepts: (value) => value.length >= 36,
  },
  {
    name: 'aws-key',
    version: 1,
    masks: 'AWS access key IDs and other identifiers of AWS, session tokens and Bedrock keys',
    example: `key ${sample('AKIA', 16, 'Q7RT2VX6LM4KD5WS')}`,
    untouched: 'AKIAZ is a prefix of AWS',
    expression: anyOf(
      '(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA|APKA)[A-Z0-9]{16}',
      '(?:IQoJb3JpZ2lu|F[Qw]oGZXIvYXdz)[A-Za-z0-9+/]{80,}={0,2}',
      'ABSK[A-Za-z0-9+/]{100,}={0,2}',
      'amzn\\.mws\\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}',
    ),
  },
  {
    name: 'google-key',
    version: 1,
    masks: 'Google API keys, OAuth client secrets, access tokens and refresh tokens',
    example: `key ${sample('AIza', 35)}`,
    untouched: 'AIza is a prefix of Google',
    expression: anyOf(
      'AIza[A-Za-z0-9_-]{35}',
      'GOCSPX-[A-Za-z0-9_-]{28}',
      'ya29\\.[A-Za-z0-9_.-]{20,}',
      '1//0[A-Za-z0-9_-]{40,}',
      'AAAA[A-Za-z0-9_-]{7}:APA91b[A-Za-z0-9_-]{120,}',
    ),
  },
  {
    name: 'azure-key',
    version: 1,
    masks:
      'Azure storage keys, client secrets and DevOps tokens, and other Azure keys that contain a known mark of Azure such as AIoT',
    example: `key ${sample('', 76)}+ASt${sample('', 6)}==`,
    untouched: `sha512-${sample('', 86)}==`,
    hint: /\+A(?:St|Rm|Eh|CDb|Sb|CR)|A(?:IoT|zCa|zSe|zFu|Act|ZDO)|\dQ~/,
    expression: anyOf(
      '[A-Za-z0-9+/]{76}\\+(?:ASt|ARm|AEh|AIoT?|ACDb|AAct)[A-Za-z0-9+/]{4,7}={1,2}',
      '[A-Za-z0-9+/_-]{33,60}(?:AIoT|\\+ASb|\\+AEh|\\+ARm|AzCa|AzSe|AzFu|\\+ACR)[A-Za-z0-9+/_-]{5,6}={0,2}',
      '[A-Za-z0-9_~.-]{3}\\dQ~[A-Za-z0-9_~.-]{31,34}',
      '[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}',
    ),
  },
  {
    name: 'github-token',
    version: 1,
    masks: 'GitHub tokens',
    example: `token ${sample('ghp_', 36)}`,
    untouched: 'ghp_short',
    expression: anyOf('gh[pousr]_[A-Za-z0-9]{36,}', 'github_pat_[A-Za-z0-9_]{22,}'),
  },
  {
    name: 'gitlab-token',
    version: 1,
    masks: 'GitLab tokens',
    example: `token ${sample('glpat-', 20)}`,
    untouched: 'glpat-short',
    expression: anyOf(
      'gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat|ffct|wt)-[A-Za-z0-9_=.-]{18,}',
      'GR1348941[A-Za-z0-9_-]{20,}',
    ),
  },
  {
    name: 'slack-token',
    version: 1,
    masks: 'Slack tokens',
    example: `token ${sample('xoxb-', 40)}`,
    untouched: 'xoxb-short',
    expression: anyOf('xox[a-z](?:\\.xox[a-z])?-[A-Za-z0-9-]{10,}', 'xapp-\\d-[A-Za-z0-9-]{10,}'),
  },
  {
    name: 'webhook',
    version: 1,
    masks: 'The secret part of webhook addresses of Slack, Teams, Discord, Zapier and IFTTT',
    example: `https://hooks.slack.com/services/${sample('T0/B0/', 24)}`,
    untouched: 'https://hooks.slack.com/services/',
    hint: /hooks\.|\.office\.com|discord|ifttt/,
    expression:
      /(?:hooks\.slack\.com\/(?:services|workflows|triggers)|\.office\.com\/webhookb?2?|discord(?:app)?\.com\/api\/webhooks|hooks\.zapier\.com\/hooks\/catch|maker\.ifttt\.com\/trigger\/[^\s/]{1,100}\/(?:json\/)?with\/key)\/(?<value>[A-Za-z0-9@/_-]{20,})/dg,
  },
  {
    name: 'stripe-key',
    version: 1,
    masks: 'Stripe keys and webhook secrets',
    example: `key ${sample('sk_live_', 24)}`,
    untouched: 'sk_live_x',
    expression: anyOf('(?:sk|rk|pk)_(?:live|test|prod)_[A-Za-z0-9]{10,}', 'whsec_[A-Za-z0-9+/]{20,}={0,2}'),
  },
  {
    name: 'npm-token',
    version: 1,
    masks: 'npm tokens',
    example: `token ${sample('npm_', 36)}`,
    untouched: 'npm_config_registry',
    expression: anyOf('npm_[A-Za-z0-9]{36,}'),
  },
  {
    name: 'pypi-token',
    version: 1,
    masks: 'PyPI tokens',
    example: `token ${sample('pypi-AgEIcHlwaS5vcmc', 60)}`,
    untouched: 'pypi-mirror',
    expression: anyOf('pypi-[A-Za-z0-9_-]{50,}'),
  },
  {
    name: 'service-token',
    version: 1,
    masks:
      'Tokens of other services with a known prefix: Airtable, Anthropic, Artifactory, Atlassian, Databricks, DigitalOcean, Docker, Doppler, Dynatrace, Grafana, Heroku, Hugging Face, Linear, Mailchimp, Mailgun, Netlify, New Relic, OpenAI, Postman, Pulumi, RubyGems, SendGrid, Sentry, Shopify, Square, Telegram, Terraform, Twilio, Vault; private keys of age',
    example: `token ${sample('hvs.', 24)}`,
    untouched: 'sk-spinner-fading-circle-large',
    expression: anyOf(
      'SG\\.[A-Za-z0-9_-]{16,32}\\.[A-Za-z0-9_-]{16,64}',
      '(?:hvs|hvb|hvr)\\.[A-Za-z0-9_-]{20,}',
      '(?:hf|nfp|figd|ntn|gsk|r8|lsv2|bkua|CCIPAT|sbp|sntry[su]|glsa|glc|lin_api|lin_oauth|pscale_(?:tkn|pw|oauth)|dckr_[po]at|rubygems|sq[uap])_[A-Za-z0-9+/=_.-]{24,}',
      'do[opr]_v1_[a-f0-9]{40,}',
      'shp(?:at|ca|pa|ss|tka)_[A-Fa-f0-9]{32,}',
      'sq0[a-z]{3}-[A-Za-z0-9_-]{22,}',
      'dapi[a-f0-9]{32}(?:-\\d)?',
      'PMAK-[a-f0-9]{24}-[a-f0-9]{34}',
      'NR(?:AK|II|JS|RA|IQ)-[A-Za-z0-9_-]{19,}',
      'dp\\.(?:pt|st|ct|sa|scim|audit)\\.[A-Za-z0-9_.-]{40,}',
      'dt0[a-z]\\d{2}\\.[A-Z0-9]{24}\\.[A-Z0-9]{64}',
      'AT(?:ATT|CTT|BB|STT)[A-Za-z0-9_=-]{24,}',
      'AGE-SECRET-KEY-1[0-9A-Z]{58}',
      '(?:HRKU|pul|pplx|xai)-[A-Za-z0-9_-]{36,}',
      'LTAI[A-Za-z0-9]{12,24}',
      'pat[A-Za-z0-9]{14}\\.[a-f0-9]{64}',
      'AKC[A-Za-z0-9]{60,}',
      'cmVmdGtuO[A-Za-z0-9]{40,}',
      'v1\\.0-[a-f0-9]{24}-[a-f0-9]{146}',
      'tskey-[a-z]{2,12}-[A-Za-z0-9-]{16,}',
      'SWMTKN-1-[A-Za-z0-9-]{40,}',
      'xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}',
      'oy2[a-z0-9]{43}',
      'cio[A-Za-z0-9]{32}',
      'sl\\.[A-Za-z0-9_-]{100,}',
      'EAA[A-Za-z0-9]{80,}',
      'E[ZT][AT]K[A-Za-z0-9]{54}',
      'FLWSECK(?:_TEST)?-[A-Za-z0-9]{32}(?:-X)?',
      'AKID[A-Za-z0-9]{32}',
      'FlyV1 [A-Za-z0-9+/_=,-]{40,}',
      'f[mo][12]_[A-Za-z0-9+/_=-]{40,}',
      'CLOJARS_[a-z0-9]{60}',
      'A{20,}[A-Za-z0-9%]{40,}',
      'SK[0-9a-f]{32}',
      'key-[0-9a-f]{32}',
      'secret_[A-Za-z0-9]{43}',
      // Class names of style sheets also begin with sk-, but have no capitals.
      'sk-[A-Za-z0-9_-]{20,}',
    ),
    others: [
      { hint: /\.atlasv1\./, expression: anyOf('[A-Za-z0-9]{14}\\.atlasv1\\.[A-Za-z0-9_=-]{60,}') },
      { hint: /NRAL/, expression: anyOf('[a-f0-9]{36}NRAL') },
      {
        hint: /\bs\.[A-Za-z0-9]{24}/,
        expression: anyOf('s\\.(?=[A-Z0-9]{0,23}[a-z])(?=[a-z0-9]{0,23}[A-Z])[A-Za-z0-9]{24}'),
      },
      { hint: /-us\d/, expression: anyOf('[0-9a-f]{32}-us\\d{1,2}') },
      { hint: /:AA/, expression: anyOf('\\d{8,10}:AA[A-Za-z0-9_-]{33}') },
      {
        hint: /\.[A-Za-z\d_-]{6}\.[A-Za-z\d_-]{27}/,
        expression: anyOf('[MNO][A-Za-z\\d]{23,25}\\.[A-Za-z\\d_-]{6}\\.[A-Za-z\\d_-]{27,38}'),
      },
    ],
    accepts: (value) => !/^(?:sk-|s\.|A{20})/.test(value) || (/\d/.test(value) && /[A-Z]/.test(value)),
  },
  {
    name: 'password-hash',
    version: 1,
    masks: 'Password hashes in the formats of crypt(5), directory servers, databases and web frameworks; NTLM messages',
    example: `bob:${sample('$6$saltsalt$', 60)}:19000`,
    untouched: '$6 per month',
    expression: new RegExp(
      [
        '\\$(?:1|2[abxy]?|5|6|7|8|9|y|gy|P|H|S|NT|apr1|md5|sha1|sha256|sha512|scrypt|bcrypt-sha256|argon2(?:id?|d)|pbkdf2(?:-sha\\d{1,3})?|DCC2|krb5\\w{2,12})\\$[A-Za-z0-9./,=$+*@:_-]{20,}',
        // RFC 2307, 5.3, and the schemes of directory servers.
        '\\{(?:S?SHA(?:\\d{3})?|S?MD5|SMD5|CRYPT|BCRYPT|ARGON2(?:ID?)?|PBKDF2(?:[-_]SHA\\d{0,3})?|NT|LM|RC4|AES)\\}[A-Za-z0-9+/.$,=:*@_-]{16,}',
        '(?<![A-Za-z0-9])(?:pbkdf2|bcrypt|scrypt|argon2|sha1|sha256|sha512|md5)(?:[_:][a-z0-9_:]{1,30})?\\$[A-Za-z0-9+/.$,=:_-]{20,}',
        '(?<![A-Za-z0-9])SCRAM-SHA-(?:1|256|512)\\$\\d{1,9}:[A-Za-z0-9+/=$:]{40,}',
        '(?<![A-Za-z0-9])\\*[0-9A-F]{40}(?![A-Za-z0-9])',
        '(?<![A-Za-z0-9])[0-9a-fA-F]{32}:[0-9a-fA-F]{32}(?=:::|[\\s"\',]|$)',
        '(?<![A-Za-z0-9+/])TlRMTVNTUAAD[A-Za-z0-9+/]{16,}={0,2}',
      ].join('|'),
      'gi',
    ),
  },
];

/** One rule for each issuer, or for a group of them. */
export const TOKEN_RULES: readonly BundleRule[] = TOKENS.map(ruleOf);
