/** Each script asks `shoal completion words -- WORD…` and completes file names itself when told `:files`. */
export const completionScripts = {
  bash: `_shoal() {
  local line
  local words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=()
  while IFS= read -r line; do
    if [ "$line" = :files ]; then
      COMPREPLY+=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
      compopt -o filenames 2>/dev/null
    else
      COMPREPLY+=("$line")
      [ "\${line%=}" = "$line" ] || compopt -o nospace 2>/dev/null
    fi
  done < <(shoal completion words -- "\${words[@]}" 2>/dev/null)
}
complete -F _shoal shoal
`,
  zsh: `#compdef shoal
_shoal() {
  local -a candidates
  candidates=("\${(@f)$(shoal completion words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if (( \${candidates[(Ie):files]} )); then
    _files
  else
    compadd -- "\${candidates[@]}"
  fi
}
compdef _shoal shoal
`,
  fish: `function __shoal_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in (shoal completion words -- $words[2..-1] 2>/dev/null)
    if test "$line" = :files
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c shoal -f -a '(__shoal_complete)'
`,
} as const;
