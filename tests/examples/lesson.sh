#!/bin/bash
# SPDX-License-Identifier: MIT
# Run one lesson from the mount, and compare what it prints with its transcript: lesson.sh NN-NAME.sh TRANSCRIPT
#
# The lesson's own assertions decide first. The transcript then pins what a reader sees: texts, the order of things,
# orders, changes by one, and other small numbers. Large and hexadecimal numbers are folded, and so are the free lists,
# since a better model of boot moves them. UPDATE=1 writes the transcript anew.
# A lesson that needs a program of the host (`# Needs:`) is skipped without it, and shows that program's numbers, which are
# others elsewhere: all of them are folded.
. "$(dirname "$0")/_mount.sh"
name=$1 transcript=$2

source=$SIMM_SOURCE/examples/${name#*-}
all_numbers=
! grep -q '^# Needs: ' "$source" || all_numbers='s/\b[0-9]+\b/N/g'
fold() {
    sed -E 's/0x[0-9a-f]+/N/g; s/\b[0-9a-f]{8,}\b/N/g; s/\b[0-9]{3,}\b/N/g; s/[[:space:]]+/ /g; s/ $//
        /^ Node 0,/s/ [0-9]+\b/ N/2g; /^ (before|now):/s/ [0-9]+\b/ N/g; s/^( order [0-9]+:) [0-9N]+ -> [0-9N]+/\1 N -> N/
        s/order 4 went from [0-9]+ to [0-9]+/order 4 went from N to N/
        '"$all_numbers"
}

# Most lessons are for the first preset; one that needs another says which in its head.
machine=$(sed -n 's/^# Machine: //p' "$source")
mount_machine "${machine:-pc-i386}"
timeout 120 bash "$mnt/sim/lessons/$name" >"$work/out" 2>"$work/err"
status=$?
[ $status != 77 ] || skip "$(cat "$work/err")"
[ $status = 0 ] || { tail -30 "$work/out"; cat "$work/err"; fail "$name ended with status $status"; }
[ ! -s "$work/err" ] || { cat "$work/err"; fail "$name wrote to standard error"; }
grep -q '\[true\]' "$work/out" || fail "$name asserts nothing"
[ "$(cat "$mnt/sim/check")" = ok ] || fail "after $name sim/check says: $(cat "$mnt/sim/check")"

# A lesson has to be able to fail: on a machine that does not do what it says, it ends with status 1.
cat >"$work/bashrc" <<'END'
call() { echo 0x1; }
END
mkdir -p "$work/fake/sim" "$work/fake/proc"
cp "$work/bashrc" "$work/fake/sim/bashrc"
touch "$work/fake/sim/ctl" "$work/fake/proc/zoneinfo" "$work/fake/proc/buddyinfo"
printf 'Node 0, zone %s\n  spanned 4095\n  managed 3840\n' DMA Normal HighMem >"$work/fake/proc/zoneinfo"
if timeout 60 bash "$mnt/sim/lessons/$name" "$work/fake" >/dev/null 2>&1; then
    fail "$name finds nothing wrong on a machine that does nothing"
fi

if [ -n "${UPDATE:-}" ]; then
    fold <"$work/out" >"$transcript"
else
    fold <"$work/out" | diff -u "$transcript" - || fail "$name does not print what its transcript has (UPDATE=1 to accept)"
fi
