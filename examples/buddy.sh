#!/bin/bash
# SPDX-License-Identifier: MIT
# The buddy allocator (伙伴算法): free memory as blocks of 2^order pages that split and merge; and the per-CPU lists
# (每CPU页框缓存) in front of it, which hide pages from it.
. "$(dirname "$0")/lesson.sh"
fresh ram=2G

# The zone that kernel memory comes from: Normal where there is one, else the highest one below it.
zone=Normal
[ "$(pages $zone)" -gt 0 ] || zone=DMA32
[ "$(pages $zone)" -gt 0 ] || zone=DMA

title "1. Free memory is lists of blocks (伙伴算法: 空闲页按2的幂分组)"
say "Each column of buddyinfo is an order: the first counts free blocks of 1 page, the second of 2," \
    "the third of 4, and so on. Order k is 2^k pages, beginning at a page number that 2^k divides."
see cat "$proc/buddyinfo"
must "the blocks of all zones add up to MemFree" \
    [ $(($(awk '{ for (i = 5; i <= NF; i++) n += $i * 2 ^ (i - 5) } END { print n }' "$proc/buddyinfo") * 4)) = "$(kb MemFree)" ]

title "2. A block is split (分裂)"
say "16 pages are wanted: order 4. When no block of order 4 is free, the smallest larger one is cut in half," \
    "and one half again, until a piece of order 4 is there. Every cut leaves the other half free."
read -ra before <<<"$(blocks $zone)"
act a = alloc_pages GFP_KERNEL 4
a=$((${got%% *}))
read -ra after <<<"$(blocks $zone)"
lost=-1 wrong=0
for order in "${!before[@]}"; do
    change=$((after[order] - before[order]))
    printf '    order %2d: %4d -> %4d  (%+d)\n' "$order" "${before[order]}" "${after[order]}" "$change"
    [ $change = -1 ] && lost=$order
done
for order in "${!before[@]}"; do
    change=$((after[order] - before[order]))
    want=0
    [ "$order" -ge 4 ] && [ "$order" -lt "$lost" ] && want=1
    [ "$order" = "$lost" ] && want=-1
    [ $change = $want ] || wrong=1
done
must "one block of one order went: order $lost" [ "$lost" -ge 4 ]
must "every order from 4 below it has one block more, and no other order changed" [ $wrong = 0 ]
if [ "${before[4]}" -gt 0 ]; then
    say "(Blocks of order 4 were free before, and none of them was taken: they are of another kind, Movable, and the" \
        "kernel's own pages are kept apart from those. So a largest block was taken over whole, and cut. Lesson 3 shows it.)"
fi
see cat "$sim/page/a"

title "3. The other half is its buddy (伙伴)"
say "The page number of a block's buddy differs in one bit, bit k: exclusive or with 2^k. The half that was left" \
    "over in the last cut is the next to be given."
act b = alloc_pages GFP_KERNEL 4
b=$((${got%% *}))
printf '    %#x ^ 0x10 = %#x\n' $a $((a ^ 16))
must "the next block of 16 pages is the buddy of the first" [ $b = $((a ^ 16)) ]

title "4. Buddies merge (合并)"
say "A block is freed. Its buddy is in use, so nothing can be merged: order 4 has one more, that is all."
read -ra mid <<<"$(blocks $zone)"
act __free_pages a 4
read -ra after <<<"$(blocks $zone)"
must "order 4 went from ${mid[4]} to ${after[4]}" [ "${after[4]}" = $((mid[4] + 1)) ]
say "Now its buddy is freed. Both halves are free, so they are one block of order 5; its buddy is free, so they" \
    "are one of order 6; and so on up, until all that was cut is whole."
act __free_pages b 4
say "    before: ${before[*]}" "    now:    $(blocks $zone)"
must "everything is as it was before the first allocation" [ "${before[*]} " = "$(blocks $zone)" ]

title "5. What the per-CPU list hides (每CPU页框缓存 pcp)"
say "Single pages do not come from the free lists one by one. Each CPU keeps a list of pages of each zone, filled" \
    "by a batch at a time. Pages in it are free for that CPU, but no longer in the buddy allocator: neither" \
    "buddyinfo nor MemFree counts them, and they cannot merge."
whole=$(pages $zone)
act p = alloc_pages GFP_KERNEL 0
gone=$((whole - $(pages $zone)))
say "    one page was asked for; buddyinfo lost $gone"
must "the zone lost a batch, not a page" [ $gone -gt 1 ]
say "Freeing the page puts it on the CPU's list, not back to its buddy:"
act __free_pages p 0
still=$((whole - $(pages $zone)))
must "buddyinfo still lacks $still pages" [ $still -ge $gone ]
held=$(awk -v z=$zone '/^Node/ { on = ($4 == z) } on && $1 == "count:" { n += $2 } END { print n + 0 }' "$proc/zoneinfo")
must "zoneinfo's pagesets hold exactly these: $held" [ "$held" = $still ]
say "drain_all_pages() empties the lists; the pages merge, and the zone is whole again."
act drain_all_pages
must "no page is missing" [ "$(pages $zone)" = "$whole" ]
must "order by order it is as it was" [ "${before[*]} " = "$(blocks $zone)" ]
