#!/bin/bash
# SPDX-License-Identifier: MIT
# Every file is read, and every writable one gets rubbish: the daemon lives, and the machine's own checks still hold.
. "$(dirname "$0")/lib.sh"
start -o ram=256M
pid=$(daemon_pid)
alive() { kill -0 "$pid" 2>/dev/null && grep -q '^Node 0' "$mnt/proc/buddyinfo"; }
# Without the directory that a caller sees of himself: it is not there for the next one. The hundreds of slab caches have
# the same files each: three of them will do.
few_caches() {
    awk -F/sys/kernel/slab/ 'NF > 1 { split($2, c, "/"); if (!(c[1] in seen)) { if (n == 3) next; seen[c[1]]; n++ } } 1'
}
find "$mnt" -path "$mnt/proc/[0-9]*" -prune -o -type f ! -name trace_pipe -print | few_caches >"$work/files"

unread=
while read -r file; do
    timeout 60 head -c 2000000 "$file" >/dev/null 2>"$work/said" || unread="$unread ${file#"$mnt"/}: $(tail -1 "$work/said")"
done <"$work/files"
note "not readable: ${unread:-none}"
ok "every file was read ($(wc -l <"$work/files") of them)" alive

# What a tired hand or a broken script may write: one value, one line, or a megabyte of it.
head -c 1048576 /dev/urandom >"$work/random"
head -c 1048576 /dev/zero >"$work/zeroes"
head -c 1048576 /dev/zero | tr '\0' a >"$work/long"
head -c 1048576 /dev/zero | tr '\0' '\n' >"$work/newlines"
printf '%s\n' -1 99999999999999999999999 0x 1e9 '' ' ' '%s%n' "$(printf 'x%.0s' {1..5000})" >"$work/words"
head -c 2000 /dev/urandom >"$work/short"
for rubbish in random zeroes long newlines words short; do
    hung=
    while read -r file; do
        [ -w "$file" ] || continue
        timeout -k 5 60 dd if="$work/$rubbish" of="$file" bs=1M conv=notrunc status=none 2>/dev/null
        [ $? -ge 124 ] && hung="$hung ${file#"$mnt"/}"
        kill -0 "$pid" 2>/dev/null || break
    done <"$work/files"
    is "$rubbish in every file: nothing hangs" "$hung" ""
    ok "$rubbish in every file: the daemon lives" alive
    alive || finish
done
# shellcheck disable=SC2016
timeout -k 5 120 bash -c 'while IFS= read -r word; do
        while read -r file; do
            [[ $file != */sim/* && -w $file ]] && printf "%s\n" "$word" >"$file"
        done <"$1/files"
    done <"$1/words"' - "$work" 2>/dev/null
is "one word after the other: nothing hangs" $(($? >= 124)) 0
ok "one word after the other: the daemon lives" alive
is "the machine's own checks" "$(cat "$mnt/sim/check")" ok

# Names that are none, in every directory.
while read -r dir; do
    for name in -1 99999999999999999999 %s "$(printf 'n%.0s' {1..255})" '.hidden' 'a b' 0x 1- 1-2 $'\xff\xfe'; do
        ls "$dir/$name" 2>/dev/null
        cat "$dir/$name" >/dev/null 2>&1
    done
done < <(find "$mnt" -type d | few_caches | head -200) >/dev/null
ok "odd names: the daemon lives" alive
stop
finish
