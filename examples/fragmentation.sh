#!/bin/bash
# SPDX-License-Identifier: MIT
# Fragmentation and compaction (内存碎片、内存规整 compaction): half of the memory is free and no huge block can be had;
# moving the pages that lie between makes one; pages that cannot move spoil it.
. "$(dirname "$0")/lesson.sh"
fresh ram=256M

huge=9
# Free blocks of order $huge and larger, in units of 2^$huge pages.
huge_blocks() {
    awk -v o=$huge '{ for (i = 5 + o; i <= NF; i++) n += $i * 2 ^ (i - 5 - o) } END { print n + 0 }' "$proc/buddyinfo"
}
count() { awk -v name="$1" '$1 == name { print $2 }' "$proc/vmstat"; }

title "1. Half free, and in crumbs (一半空闲, 全是碎片)"
say "Movable pages are allocated one by one until there are no more, then every second one is freed. (A user's pages" \
    "would be like this; here the names p.0, p.1, ... stand for their owners.)"
act 'p.0- = alloc_pages GFP_HIGHUSER_MOVABLE 0'
all=$(awk '/^MemTotal/ { print $2 }' "$proc/meminfo")
act '__free_pages p.1-:1/2 0'
act drain_all_pages
free=$(kb MemFree)
see cat "$proc/buddyinfo"
must "about half of the memory is free: $free of $all kB" [ $((free * 100 / all)) -ge 40 ]
must "and not one block of 2^$huge pages" [ "$(huge_blocks)" = 0 ]
say "The unusable index tells for each order which part of the free memory lies in blocks that are too small for it:"
see cat "$sys/kernel/debug/extfrag/unusable_index"
say "And the fragmentation index says why an allocation would fail: near 0 for want of memory, near 1 for fragmentation."
see cat "$sys/kernel/debug/extfrag/extfrag_index"
refused q = alloc_pages GFP_NOWAIT+__GFP_NOWARN $huge
must "who cannot wait is refused" grep -q ENOMEM <<<"$got"

title "2. Two scanners (两个扫描器: 迁移扫描与空闲扫描)"
say "One goes up through the zone and collects pages that can move, the other comes down and collects free pages. The" \
    "pages go from the one to the other, until the scanners meet: what is free then lies together. One write does it:"
fresh ram=256M
act 'p.0- = alloc_pages GFP_HIGHUSER_MOVABLE 0'
act '__free_pages p.1-:1/2 0'
act drain_all_pages
where=$(cat "$sim/vars/p.10000")
say '$ echo 1 > proc/sys/vm/compact_memory'
echo 1 >"$proc/sys/vm/compact_memory"
see cat "$proc/buddyinfo"
see grep -E '^(compact_(migrate|free)_scanned|compact_isolated|pgmigrate_(success|fail)) ' "$proc/vmstat"
blocks=$(huge_blocks)
must "there are $blocks blocks of 2^$huge pages now" [ "$blocks" -gt 20 ]
must "MemFree is as it was, but for the per-CPU lists: $(kb MemFree) kB" [ $(($(kb MemFree) * 100 / free)) -ge 90 ]
say "    p.10000 was the $where" "    now it is the     $(cat "$sim/vars/p.10000")"
must "the pages' owners know where they are now" [ "$where" != "$(cat "$sim/vars/p.10000")" ]
see cat "$sim/compaction"

title "3. An allocation compacts for itself (直接规整)"
say "Who may wait need not ask: the allocation that finds no block compacts, and stops as soon as there is one."
fresh ram=256M
act 'p.0- = alloc_pages GFP_HIGHUSER_MOVABLE 0'
act '__free_pages p.1-:1/2 0'
act drain_all_pages
must "no block of 2^$huge pages is free" [ "$(huge_blocks)" = 0 ]
act big = alloc_pages GFP_HIGHUSER_MOVABLE $huge
must "it waited for compaction once, and that was enough" [ "$(count compact_stall) $(count compact_success)" = "1 1" ]
say "    pages looked at: $(count compact_migrate_scanned); moved: $(count pgmigrate_success)"
must "it did not compact the whole machine" [ "$(huge_blocks)" -lt "$blocks" ]

title "4. One page in a hundred stays (百分之一的页不能移动)"
say "A device works on some pages, so they are pinned (一次 get_page 代表设备正在使用): they cannot move."
fresh ram=256M
act 'p.0- = alloc_pages GFP_HIGHUSER_MOVABLE 0'
act '__free_pages p.1-:1/2 0'
act drain_all_pages
act 'get_page p.0-:1/100'
echo 1 >"$proc/sys/vm/compact_memory"
see cat "$proc/buddyinfo"
pinned=$(huge_blocks)
must "1% of the pages in use cost nearly all huge blocks: $pinned instead of $blocks" [ $((pinned * 10)) -lt "$blocks" ]
see grep '^pgmigrate_fail ' "$proc/vmstat"
say "That is why the kernel keeps unmovable pages together (lesson gfp: migratetypes), and why a long-term pin first moves" \
    "the page out of memory that is meant to become contiguous (lesson cma-landlord)."
