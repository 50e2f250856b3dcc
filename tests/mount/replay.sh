#!/bin/bash
# SPDX-License-Identifier: MIT
# sim/replay through a real mount: recordings as zcat, cat, dd and bash bring them; sim/page, sim/map, sim/clock.
. "$(dirname "$0")/lib.sh"
recording=$(dirname "$0")/../../examples/recordings/gcc-compile-short.trace.txt.gz
start -o ram=512M,seed=3
replay=$mnt/sim/replay
value() { awk -v key="$1" '$1 == key { print $2; exit }' "$replay"; }
events() { zcat "$recording" | grep -vc '^#'; }
counted() { zcat "$recording" | grep -c ": $1: "; }

is "before the first line it is idle" "$(value state) $(value lines)" "idle 0"
ok "a recording pours in" bash -c "zcat '$recording' > '$replay'"
is "all events are accounted for" "$(value events)" "$(events)"
is "and it is done" "$(value state) $(value percent)" "done 100"
is "allocations" "$(($(value applied_allocs) + $(value failures)))" "$(counted mm_page_alloc)"
is "frees" "$(($(value applied_frees) + $(value skipped_before_recording) + $(value skipped_batched_repeat)))" \
    "$(($(counted mm_page_free) + $(counted mm_page_free_batched)))"
is "informational events" "$(value skipped_informational)" "$(counted 'mm_page_[ap][a-z]*_[a-z_]*')"
is "nothing is malformed" "$(value malformed)" 0
is "the machine is whole" "$(cat "$mnt/sim/check")" ok
first=$(cat "$mnt/sim/digest")

# ---- the same again, in any pieces ----
same() { # name command...
    local name=$1
    shift
    echo reboot >"$mnt/sim/ctl"
    ok "$name" "$@"
    is "$name: the same digest" "$(cat "$mnt/sim/digest")" "$first"
}
is "a reboot forgets the report" "$(echo reboot >"$mnt/sim/ctl" && value lines)" 0
same "in pieces of 1000 bytes" bash -c "zcat '$recording' | dd of='$replay' bs=1000 status=none"
same "with CRLF" bash -c "zcat '$recording' | sed 's/\$/\r/' > '$replay'"
same "through tee, and without a newline at the end" bash -c "printf %s \"\$(zcat '$recording')\" | tee '$replay' >/dev/null"
same "among what is no recording" bash -c "zcat '$recording' | sed '7~100i pfn=0x12 order=' > '$replay'"
like "which is counted and shown" "$(cat "$replay")" "*
malformed 27[0-9]
*
malformed_line 7 *: pfn=0x12 order=
*"
grep -c '^malformed_line ' "$replay" >"$work/n"
is "the first of them" "$(cat "$work/n")" 8
same "as trace-cmd prints it" bash -c "zcat '$recording' | sed -E 's/\\] [^ ]+ +([0-9.]+: mm_page_[a-z_]+:) /] \\1      /' > '$replay'"
same "as perf script prints it" bash -c "zcat '$recording' |
    sed -E 's/^ *(.*)-([0-9]+) +(\\[[0-9]+\\]) [^ ]+ +([0-9.]+): mm_page/\\1 \\2 \\3 \\4: kmem:mm_page/' > '$replay'"

# ---- strict ----
exec 3>"$replay"
echo strict >&3
is "strict: good lines pass" "$(echo '# comment' >&3 && echo yes)" yes
not_ok "strict: a bad line is refused" bash -c "echo nonsense >&3"
like "strict: with a sentence" "$(tail -2 "$mnt/sim/errors")" "sim/replay:*EINVAL: not a line of a recording*nonsense"
not_ok "strict: and no line after it is taken" bash -c "echo '# comment' >&3"
exec 3>&-
ok "strict is this open file's alone" bash -c "echo nonsense > '$replay'"

# ---- while it runs ----
lines=$(value lines)
exec 3>"$replay"
echo '# one' >&3
is "a reader sees it running" "$(value state) $(($(value lines) - lines))" "running 1"
exec 3>&-
is "and done" "$(value state)" "done"
printf 'x-1 [000] 1.0: mm_page_free: pa' >"$replay"
is "a last line without newline counts, torn" "$(($(value lines) - lines))" 2

# ---- pages, pictures ----
echo 'blk = alloc_pages GFP_KERNEL 3' >"$mnt/sim/ctl"
pfn=$(awk '$1 == "pfn" { print $2 }' "$mnt/sim/page/blk")
like "a page by name" "$(cat "$mnt/sim/page/blk")" "*state *in use*order          3*owner          name blk*moves          no: *"
is "by its number the same" "$(cat "$mnt/sim/page/$pfn")" "$(cat "$mnt/sim/page/blk")"
is "a page behind it" "$(awk '$1 == "pfn" { print $2 }' "$mnt/sim/page/blk+5")" "$(printf '0x%x' $((pfn + 5)))"
ok "it is listed" test -e "$mnt/sim/page/blk"
like "in ls, too" "$(ls "$mnt/sim/page")" "*blk*"
for bad in 128000 "${pfn^^}" "0x0$(printf %x "$pfn")" nosuch blk+ blk+x "$pfn+1"; do
    not_ok "no other spelling: $bad" cat "$mnt/sim/page/$bad"
done
for map in "$mnt"/sim/map/node*-*[!g]; do
    is "64 characters to a line in ${map##*/}" "$(sed -n 's/^0x[0-9a-f]* |\(.*\)|.*/\1/p' "$map" | awk '{ print length($0) }' | sort -u)" 64
done
if command -v xmllint >/dev/null; then
    ok "the pictures are XML" xmllint --noout "$mnt"/sim/map/*.svg
else
    ok "the pictures are XML" python3 -c "import sys, xml.dom.minidom; [xml.dom.minidom.parse(f) for f in sys.argv[1:]]" "$mnt"/sim/map/*.svg
fi

# ---- time ----
before=$(awk '$1 == "now" { print $2 }' "$mnt/sim/clock")
ok "time passes" bash -c "echo +5s > '$mnt/sim/clock'"
is "five seconds of it" "$(awk -v b="$before" '$1 == "now" { printf "%.3f", $2 - b }' "$mnt/sim/clock")" 5.000
not_ok "but not back" bash -c "echo -5s > '$mnt/sim/clock'"
like "which is said" "$(tail -2 "$mnt/sim/errors")" "*time only goes forward*"
like "settings as a line for -o" "$(cat "$mnt/sim/machine")" "*ram=512M*seed=3*"
finish
