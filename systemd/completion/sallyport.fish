# fish completion for sallyport
# Made by `sallyport completion`; do not edit. The program finds the words.
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
            printf '%s\n' $before(__fish_complete_path "$value")
        case dirs
            printf '%s\n' $before(__fish_complete_directories "$value")
        case '*'
            printf '%s\n' $lines
    end
end
complete -c sallyport -f -a '(__sallyport_complete)'
