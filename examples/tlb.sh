#!/bin/bash
# SPDX-License-Identifier: MIT
# The TLB (快表, 工作集, 上下文切换, ASID): what fits into it is found at once, what does not is looked up in the tables each
# time; and a switch between processes empties it, unless its entries carry the process's number.
. "$(dirname "$0")/lesson.sh"
fresh ram=512M cpus=1
counter() { awk -v k="$1" '$1 == k { print $2 }' "$sim/cpu0/counters"; }

mkdir "$sim/tasks/demo" || must "a process can be made" false
act -p demo buf = mmap NULL 16M rw-p
act -p demo touch buf 16M w

# Touch $1 pages in turn twice; in $misses how many of the second round's accesses walked the tables.
misses=0
round() {
    call -p demo touch buf $(($1 * 4))K r >"/dev/null"
    local walks
    walks=$(counter walks)
    call -p demo touch buf $(($1 * 4))K r >"/dev/null"
    misses=$(($(counter walks) - walks))
    printf '    %5d pages: %5d of %d accesses walked the tables\n' "$1" "$misses" "$1"
}

title "1. Working sets (工作集) against the size of the TLB"
see grep -E '^(dtlb|stlb)' "$sim/cpu0/counters"
round 16
must "16 pages fit: no walk" [ "$misses" = 0 ]
round 64
must "64 pages fit" [ "$misses" = 0 ]
round 256
must "256 pages fit into the second level" [ "$misses" = 0 ]
round 4000
must "4000 pages do not: each access walks" [ "$misses" -gt 3500 ]
say "A page that is visited in turn with more others than the TLB has places is always the one that was just thrown out."

title "2. What a walk costs"
act -p demo load buf
act -p demo load buf
hit=${got#*cycles=} hit=${hit%% *}
call -c 0 flush_tlb_all >"/dev/null"
act -p demo load buf
walk=${got#*cycles=} walk=${walk%% *}
must "a walk takes several times as long" [ "$walk" -gt $((hit * 2)) ]

title "3. A switch to another process, on a CPU without address-space numbers"
mkdir "$sim/tasks/other" || must "a process can be made" false
act -p other buf = mmap NULL 64K rw-p
act -p other touch buf 64K w
act -p demo load buf
act -p demo load buf
must "demo's page is in the TLB" grep -q 'tlb=hit' <<<"$got"
act -p other load buf
act -p demo load buf
must "after two switches it is not: loading cr3 has emptied the TLB" grep -q 'tlb=miss' <<<"$got"

title "4. What stays: the kernel's pages are global"
act -c 0 load c1000000
act -p other load buf
act -p demo load buf
act -c 0 load c1000000
must "after two switches the kernel's own page is still there" grep -q 'tlb=hit' <<<"$got"
must "for its entry says GLOBAL" grep -q GLOBAL "$sim/walk/c1000000"
for name in demo other; do rmdir "$sim/tasks/$name"; done

title "5. Unmapping: other CPUs must forget, too (shootdown)"
fresh ram=512M cpus=2
mkdir "$sim/tasks/demo" || must "a process can be made" false
act -p demo buf = mmap NULL 64K rw-p
act -p demo touch buf 64K w
pid=$(cat "$sim/tasks/demo/pid")
say "A second CPU runs in the same tables, as another thread would, and remembers a page."
act -c 1 switch_mm "$pid"
act -p demo load buf
where=$(sed -n 's/^address *//p' "$sim/tasks/demo/walk/buf")
act -c 1 load "$where" 4 user
act -c 1 load "$where" 4 user
must "CPU 1 has it in its TLB" grep -q 'tlb=hit' <<<"$got"
act -p demo munmap buf 64K
must "CPU 0 unmapped it, and CPU 1 was told by an interrupt (IPI)" [ "$(awk '$1 == "shootdowns_received" { print $2 }' "$sim/cpu1/counters")" = 1 ]
refused -c 1 load "$where" 4 user
must "no stale entry lets the access through" grep -q 'not present' "$sim/errors"
rmdir "$sim/tasks/demo"
must "everything adds up" [ "$(cat "$sim/check")" = ok ]
