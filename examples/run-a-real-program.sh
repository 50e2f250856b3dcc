#!/bin/bash
# SPDX-License-Identifier: MIT
# A real program on the simulated MMU (真实程序, 访存, 缺页, TLB, 页表): every fetch, load and store of /bin/true, as valgrind's
# lackey tells them, goes through the tables and the TLBs of a machine that did not know the program.
# Machine: pc-x86_64
# Needs: valgrind
. "$(dirname "$0")/lesson.sh"
fresh ram=512M cpus=1
program=/bin/true
told=$(mktemp) || exit 1
trap 'rm -f "$told"; leave' EXIT
mkdir "$sim/tasks/prog" || must "a process can be made" false
prog=$sim/tasks/prog
count() { awk -v k="$1" '$1 == k { print $2 }' "$prog/access"; }
status() { awk -v k="$1:" '$1 == k { print $2 }' "$prog/status"; }

title "1. A process that is given the program's references"
say "What the process was born with makes room: the program brings its own addresses."
act -p prog munmap 0x400000 2M
tables=$(status VmPTE) rss=$(status VmRSS)
say "\`automap\` maps a page where the program touches one that no mapping has: lackey tells accesses, not mmap calls."
echo automap >"$prog/access" || must "the line is taken" false
must "nothing was run yet" [ "$(count references)" = 0 ]

title "2. Run it"
say "valgrind writes a line a reference; dd hands them on in large pieces, and tee keeps them. Without those two,"
say "--log-file=MNT/proc/PID/access does the same, with a write(2) for each line, which takes longer."
# shellcheck disable=SC2016
say '$ valgrind --tool=lackey --trace-mem=yes --log-fd=9 '"$program"' 9>&1 | tee FILE | dd obs=64K of=sim/tasks/prog/access'
valgrind --tool=lackey --trace-mem=yes --log-fd=9 "$program" 9>&1 >/dev/null | tee "$told" |
    dd obs=64K of="$prog/access" status=none conv=notrunc
must "valgrind, tee and dd end well" [ "${PIPESTATUS[*]}" = "0 0 0" ]
say "The first fetches:"
grep -m 3 '^I' "$told" | sed 's/^/    /'
see cat "$prog/access"
must "each line that lackey told is a reference here" [ "$(count references)" = "$(grep -c '^[I ]' "$told")" ]
must "even this program, which does nothing, needs ten thousands" [ "$(count references)" -gt 10000 ]
must "most are fetches of instructions" [ $(($(count fetches) * 2)) -gt "$(count references)" ]
must "none was refused" [ "$(count refused)" = 0 ]

title "3. Faults (缺页): one for each page that is touched first, and nearly none else"
# Page numbers are the addresses without the last three digits; a reference of a few bytes may reach into the next page.
touched=$(sed -n 's/^[IL SM]* *\([0-9a-f]*\),.*/0\1/p' "$told" | sed 's/...$//' | sort -u | wc -l)
say "    $touched different pages are in lackey's lines; $(count automapped_pages) were mapped, with $(count minor_faults) faults"
must "there are hardly more faults than pages" [ "$(count minor_faults)" -lt $((touched * 2)) ]
must "and no page without a fault" [ "$(count minor_faults)" -ge "$touched" ]
must "of a thousand references less than ten fault" [ $(($(count minor_faults) * 100)) -lt "$(count references)" ]

title "4. RSS (常驻内存): what was written"
say "    VmSize $(status VmSize) kB, VmRSS $(status VmRSS) kB"
must "it has grown" [ "$(status VmRSS)" -gt "$rss" ]
must "but less than the pages touched: what was only read is the zero page (零页)" [ "$(status VmRSS)" -lt $((touched * 4)) ]

title "5. TLB: nearly every reference finds its page there"
missed=$(count tlb_misses)
say "    $(count tlb_hits) hits at once, $(count tlb_second_hits) in the second level, $missed walks"
must "less than one in a hundred walks the tables: programs stay where they are (局部性)" [ $((missed * 100)) -lt "$(count references)" ]
say "The same references once more:"
before=$(count minor_faults)
dd if="$told" bs=64K of="$prog/access" status=none conv=notrunc || must "the file is taken" false
must "not one fault: every page is there" [ "$(count minor_faults)" = "$before" ]
must "and fewer walks than at first" [ $(($(count tlb_misses) - missed)) -lt "$missed" ]

title "6. Page tables (页表): pages, too"
store=$(sed -n 's/^ S \([0-9a-f]*\),.*/0x\1/p' "$told" | head -1)
must "the program stores something" [ -n "$store" ]
see grep -E '^(P|physical)' "$prog/walk/$store"
must "the page of its first store is dirty" grep -q '^PTE.*DIRTY' "$prog/walk/$store"
say "    tables: $(status VmPTE) kB, $tables kB before"
must "tables came for the program's addresses" [ "$(status VmPTE)" -gt "$tables" ]
must "a megabyte is more than enough; one flat table of all 2^47 bytes would take 256 GiB" [ "$(status VmPTE)" -lt 1024 ]
rmdir "$prog"
must "everything adds up" [ "$(cat "$sim/check")" = ok ]
