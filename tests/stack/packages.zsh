# Types a line and the key for completion into a zsh, and compares what it becomes.
# Usage: zsh -f packages.zsh FOLDER LINE WORD: the script's folder, what is typed, its last word then

zmodload zsh/zpty zsh/datetime || exit 1
screen='' part=''

# shows PATTERN: reads until the screen has it
shows() {
  local -F deadline=$((EPOCHREALTIME + 20))
  until [[ $screen == ${~1} ]]; do
    ((EPOCHREALTIME < deadline)) || return 1
    if zpty -rt shell part; then screen+=$part; else sleep 0.05; fi
  done
}

zpty -b shell zsh -f -i
zpty -w shell "stty cols 250; fpath=(${(q)1} \$fpath); autoload -Uz compinit && compinit -u -D"
zpty -w shell 'report() { zle expand-or-complete; zle -I; print -r -- "BEC""AME<$BUFFER>"; }'
zpty -w shell 'zle -N report; bindkey "^X" report; print RE""ADY'
shows '*READY*' || { print -r -- $screen; exit 1 }
zpty -w -n shell $2$'\C-x'
shows '*BECAME<*>*' || { print -r -- $screen; exit 1 }
line=${${screen##*BECAME<}%%>*}
print -r -- $line
[[ ${${=line}[-1]} == $3* ]]
