/**
 * The scripts know nothing of the commands: at every TAB they hand the words to `trainyard completion`, which tells
 * what may follow. So they stay right when commands are added. Where nothing comes, the shell offers its file names.
 */
export const COMPLETION_SCRIPTS = {
  bash: `_trainyard() {
  local IFS=$'\\n'
  COMPREPLY=($(trainyard completion bash -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _trainyard trainyard
`,
  zsh: `#compdef trainyard
_trainyard() {
  local -a found
  found=("\${(@f)$(trainyard completion zsh -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${found[1]}" ]]; then compadd -a found; else _files; fi
}
compdef _trainyard trainyard
`,
  fish: `function __trainyard_completion
    set -l words (commandline --tokenize --current-process --cut-at-cursor)
    set -l last (commandline --current-token)
    set -l found (trainyard completion fish -- $words[2..-1] "$last" 2>/dev/null)
    if set -q found[1]; printf '%s\\n' $found; else; __fish_complete_path "$last"; end
end
complete --command trainyard --no-files --arguments '(__trainyard_completion)'
`,
} as const;
