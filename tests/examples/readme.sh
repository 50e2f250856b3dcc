#!/bin/bash
# SPDX-License-Identifier: MIT
# Paste sim/README (or the file named) into bash line by line, as its reader does: readme.sh FILE
#
# Every line runs; nothing but the call that is meant to be refused says anything on standard error.
. "$(dirname "$0")/_mount.sh"
file=$1
mount_machine pc-i386
[ -s "$mnt/sim/$file" ] || fail "sim/$file is empty or missing"
mapfile -t lines <"$mnt/sim/$file"

# One bash that reads its commands from a pipe, as from a terminal: a line, its status, the next line.
coproc shell { cd "$mnt" && exec bash --norc 2>"$work/err"; }
ran=0
for line in "${lines[@]}"; do
    case $line in '' | '#'*) continue ;; esac
    ran=$((ran + 1))
    before=$(stat -c %s "$work/err")
    printf '%s\necho "@@ $?"\n' "$line" >&"${shell[1]}"
    output=
    while IFS= read -t 30 -r got <&"${shell[0]}"; do
        [[ $got == '@@ '* ]] && break
        output+=$got$'\n'
    done
    [[ ${got:-} == '@@ '* ]] || fail "no answer to: $line"
    said=$(tail -c +$((before + 1)) "$work/err")
    if [[ $line == *GFP_KERNAL* ]]; then
        [ "$got" != '@@ 0' ] || fail "this should be refused: $line"
        [[ $said == *alloc_page* ]] || fail "the refusal of \`$line\` does not say what is right: $said"
    else
        [ "$got" = '@@ 0' ] || fail "status ${got#@@ } of: $line"$'\n'"$said"
        [ -z "$said" ] || fail "\`$line\` says: $said"
        case $line in cat* | grep* | ls* | head*) [ -n "$output" ] || fail "no output of: $line" ;; esac
    fi
done
eval "exec ${shell[1]}>&-"
wait
[ $ran -ge 12 ] || fail "only $ran commands in sim/$file"
echo "$ran commands"
