#!/bin/bash
# SPDX-License-Identifier: MIT
# simmfs MNT -- COMMAND: mounts, runs it, unmounts, ends with its status.
. "$(dirname "$0")/lib.sh"

run() { # words after --
    said=$(timeout 60 "$SIMMFS" -o ram=256M pc-i386 "$mnt" -- "$@" 2>&1)
    status=$?
}
run sh -c 'grep -c Node "$SIMM_MNT/proc/buddyinfo"; pwd'
is "status 0" "$status" 0
like "the command sees the machine, and its own directory" "$said" "[1-9]*$PWD"
not_ok "unmounted afterwards" is_mounted "$mnt"
run sh -c 'exit 42'
is "its status" "$status" 42
run sh -c 'kill -KILL $$'
is "128 + signal" "$status" 137
run /nowhere/command
is "a command that is not there: 127" "$status" 127
like "a command that is not there: a sentence" "$said" "simmfs: cannot run /nowhere/command: No such file*"
not_ok "unmounted after that, too" is_mounted "$mnt"
run /etc/passwd
is "a command that cannot be run: 126" "$status" 126
run cat -- /dev/null
is "words with dashes are the command's" "$status" 0
is "stdin is the command's" "$(echo hello | "$SIMMFS" "$mnt" -- cat)" hello

# ^C goes to the whole foreground group: it is the command's affair, and the daemon ends after it.
setsid "$SIMMFS" "$mnt" -- sh -c 'trap "exit 7" INT; echo up; while :; do sleep 0.1; done' >"$work/up" &
pid=$!
wait_for 10 grep -q up "$work/up"
group=$(daemon_pid)
kill -INT -- "-$group"
wait $pid
is "SIGINT to both: the command decides" $? 7
not_ok "unmounted after SIGINT" is_mounted "$mnt"

# SIGTERM is passed on.
"$SIMMFS" "$mnt" -- sleep 1000 &
pid=$!
wait_for 10 is_mounted "$mnt"
sleep 0.2
kill -TERM $pid
wait $pid
is "SIGTERM ends the command" $? 143
not_ok "unmounted after SIGTERM" is_mounted "$mnt"

# An unmount from outside: the command is still waited for.
"$SIMMFS" "$mnt" -- sh -c 'umount "$SIMM_MNT" || fusermount3 -u "$SIMM_MNT"; sleep 0.3; exit 5'
is "the command may unmount" $? 5
finish
