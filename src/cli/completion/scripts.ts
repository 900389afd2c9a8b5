// The scripts that complete `sallyport` in bash, zsh and fish. Each calls the program with the words so far.
//
// `npm run generate` also writes them to systemd/completion, from where they are installed. @bomb.sh/tab makes such
// scripts from commander (checked at 0.0.22), but completes no file names, does not wait for values that must be looked
// up, and offers an option of one command for all others.

import { SHELLS, type Shell } from '#cli/program/quick-arguments.ts';

const HEAD = `Made by \`sallyport completion\`; do not edit. The program finds the words.`;

const BASH = `# bash completion for sallyport
# ${HEAD}
_sallyport() {
  local cur=\${COMP_WORDS[COMP_CWORD]} kind= word= rest=
  # bash splits words at an equals sign.
  [[ $cur == = ]] && cur=
  COMPREPLY=()
  {
    IFS= read -r kind
    while IFS=$'\\t' read -r word rest; do COMPREPLY+=("$word"); done
  } < <("$1" __complete bash "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null </dev/null)
  case $kind in
    files | dirs)
      local option=-f
      [[ $kind == dirs ]] && option=-d
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen "$option" -- "$cur")
      ;;
    *)
      # The key of a proxy continues with its name.
      [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *. ]] && compopt -o nospace 2>/dev/null
      ;;
  esac
}
complete -F _sallyport sallyport
`;

const ZSH = `#compdef sallyport
# ${HEAD}
_sallyport() {
  local -a lines described
  local kind line
  lines=("\${(@f)$("\${(Q)words[1]}" __complete zsh "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null </dev/null)}")
  kind=$lines[1]
  shift lines
  [[ $PREFIX == --*=* ]] && compset -P '*='
  case $kind in
    files) _files ;;
    dirs) _files -/ ;;
    *)
      for line in $lines; do described+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}"); done
      if [[ $#lines -eq 1 && \${lines[1]%%$'\\t'*} == *. ]]; then
        _describe sallyport described -S ''
      else
        _describe sallyport described
      fi
      ;;
  esac
}
if [[ $funcstack[1] == _sallyport ]]; then
  _sallyport "$@"
else
  compdef _sallyport sallyport
fi
`;

const FISH = `# fish completion for sallyport
# ${HEAD}
function __sallyport_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    set -e words[1]
    set -l current (commandline -ct)
    set -l lines ($program __complete fish $words "$current" 2>/dev/null </dev/null)
    set -l kind $lines[1]
    set -e lines[1]
    # A file may be the value in a word such as --output=FILE.
    set -l value (string replace -r -- '^--[a-z0-9-]+=' '' "$current")
    set -l before (string sub -l (math (string length -- "$current") - (string length -- "$value")) -- "$current")
    switch "$kind"
        case files
            printf '%s\\n' $before(__fish_complete_path "$value")
        case dirs
            printf '%s\\n' $before(__fish_complete_directories "$value")
        case '*'
            printf '%s\\n' $lines
    end
end
complete -c sallyport -f -a '(__sallyport_complete)'
`;

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

/** The script for a shell. */
export function completionScript(shell: Shell): string {
  return SCRIPTS[shell];
}

/** The same scripts as files, under the names that the shells look for. */
export function completionArtifacts(): { readonly path: string; readonly text: string }[] {
  const names: Readonly<Record<Shell, string>> = { bash: 'sallyport', zsh: '_sallyport', fish: 'sallyport.fish' };
  return SHELLS.map((shell) => ({ path: `systemd/completion/${names[shell]}`, text: SCRIPTS[shell] }));
}
