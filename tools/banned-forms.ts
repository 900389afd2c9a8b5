/**
 * The phrases that docs/writing.md excludes, because readers stumble over them. Each has a reason, which the report
 * shows.
 */

export interface BannedForm {
  /** A blank matches any white space, including a line break. */
  readonly pattern: RegExp;
  readonly reason: string;
}

const THINGS =
  'agent|answer|certificate|client|command|connection|daemon|file|gateway|host|hop|key|machine|module|package|peer|process|' +
  'program|proxy|request|response|route|scanner|script|server|service|socket|spool|thread|tunnel';

/** Nouns whose number varies: `1 mistakes` is wrong, so the text needs both forms. */
const COUNTED =
  'attempts|certificates|changes|checks|connections|days|downloads|entries|errors|failures|files|hosts|hours|keys|' +
  'lines|minutes|mistakes|packages|profiles|proxies|receipts|requests|retries|seconds|settings|times|tries|updates|warnings';

const rows: readonly (readonly [RegExp, string])[] = [
  [/\bof before\b/, 'write "previous" or "earlier"'],
  [/\bso many\b/, 'a limit is "at most N" or "up to N"; a count is "the number of"'],
  [/\bso long\b(?! as\b)/, 'a limit is "at most"; a duration is "for this long" or "until"'],
  [/\bso few\b/, 'write "only N" or "too few"'],
  [/\banew\b/, 'write "again"; for files "rewrite" or "reopen"'],
  [/\btold\b/, 'programs log, report, show or print'],
  [/\bin force\b/, 'settings are active or in effect'],
  [/\bgo(?:es|ing)? on\b|\bwent on\b|\bgone on\b/, 'write "continue" or "resume"'],
  [/\bmend(?:s|ed|ing)?\b/, 'write "fix"'],
  [/\bcounts? from\b/, 'a setting takes effect'],
  [/\bfor ever\b/, 'write "forever", "permanently" or "never ... again"'],
  [/\bmade? up for\b/, 'say what happens: a missed check runs late, once'],
  [/\bparted by\b/, 'write "separated by"'],
  [/\ball the same\b/, 'write "anyway"'],
  [/\bbesides?\b/, 'write "in addition to", "except", "next to" or "concurrently"'],
  [/, too(?=[,.;:)]|$)/, 'write "also" before the verb'],
  [/\bwho(?:ever|mever)\b(?! controls\b)/, 'name the person or program: "anyone who", "the caller", "readers"'],
  [/\bnobody(?!'s? user)\b(?! \()/, 'for programs write "nothing", "no process" or use "not"'],
  [/\bsomebody\b/, 'name the person or program: "a user", "an admin", "another process"'],
  [new RegExp(`\\b(?:${THINGS})s?,? who(?:m)?\\b`), 'a program or a thing is "that" or "which", never "who"'],
  [/(?:^|[.:;] )Who (?![^.\n]*\?)/, 'begin with the subject: "A user who ..."'],
  [
    /(?<!\bthere )\b(?:is|are|was|were) no (?!longer|more|less|better|worse|other|different|later|earlier)\w+/,
    'write "is not a"',
  ],
  [/\bthe way of\b|\bthe way there\b|\bon the way\b(?! to\b)/, 'name it: route, connection, path, "in transit"'],
  [/\bwalks? the\b/, 'write "tests" or "tries", step by step'],
  [/\bfates?\b/, 'write "state" or "result"'],
  [/\blanes?\b/, 'write "connection"'],
  [/\bjourneys?\b/, 'write "connection attempt" or name the steps'],
  [/\blaws?\b/, 'write "principle" or "rule"'],
  [/\bfloors?\b/, 'write "layer"'],
  [
    /\b(?:a|the|each|every|another|other|own|between|inside|its|their|all|of|which) rooms?\b(?! (?:for|on|in|left|to))/,
    'a part of src/ is a module',
  ],
  [/\bthe house\b|\bhouse of\b/, 'write "the program" or "src/"'],
  [/\bone door\b|\bthe door\b/, 'write "entry point"'],
  [/\b(?:the|its|each|a) begin\b/, 'the noun is "beginning" or "start"'],
  [/\bIs it well\b/, 'write "Is it healthy"'],
  [
    /\bstands? (?:in|at|on|here|there|behind|before|beside|alone|under|above|below)\b/,
    'a text is in, or follows, something',
  ],
  [/\b(?:come|comes|came|travels?|went|sent|sends?) along\b/, 'write "includes" or "also contains"'],
  [/\b(?:thus|hence|lest|whence|thence|forthwith|therein|thereof|whereupon)\b/, 'write "so" or "therefore"'],
  [
    /\(1 \w+s\)|\b1 (?:mistakes|errors|packages|changes|files|times|settings|updates|bytes|lines|receipts)\b/,
    'the singular has no "s"',
  ],
];

/** For texts of the program only: a number that varies, followed by a noun that is always plural. */
export const WRONG_PLURAL: BannedForm = {
  pattern: new RegExp(`\\{\\w*\\} (?:(?:more|other|recent|required|verified) )?(?:${COUNTED})\\b`),
  reason: 'reads "1 ...s" for one: use a format or function with a singular',
};

/** Letter case does not matter, except in the form that begins a sentence. */
export const BANNED_FORMS: readonly BannedForm[] = rows.map(([pattern, reason]) => ({
  pattern: pattern.source.includes('Who') ? pattern : new RegExp(pattern, 'i'),
  reason,
}));
