#!/bin/bash
# SPDX-License-Identifier: MIT
# vmalloc (虚拟连续内存, 内核地址空间, 保护页, 延迟释放): pages from anywhere that look like one piece, through the kernel's page
# tables: contiguous in one view, scattered in the other; what that costs, and what runs out first on a 32-bit machine.
. "$(dirname "$0")/lesson.sh"
fresh ram=2G cpus=2
kb() { sed -n "s/^$1: *\([0-9]*\) kB/\1/p" "$proc/meminfo"; }
now_ns() { echo $((10#$(sed -n 's/^now //p' "$sim/clock" | head -1 | tr -d .))); }
word_at() { od -An -tx4 -j "$1" -N 4 "$MNT/dev/mem" | tr -d ' '; }

title "1. Four pages side by side, in the kernel's addresses"
say "So that memory is a little used, every second one of a hundred pages is freed again."
act p.0-99 = alloc_pages GFP_HIGHUSER
act __free_pages p.0-99:1/2
act v = vmalloc 16K
v=${got%% *}
must "they are 16 KiB more of VmallocUsed" [ "$(kb VmallocUsed)" = 16 ]
must "proc/vmallocinfo has the range: 16 KiB and a guard page" grep -q "^$v-0x[0-9a-f]* *20480 vmalloc.* pages=4 vmalloc" "$proc/vmallocinfo"
say "Which pages are they? The kernel's page tables know:"
last=-2 neighbours=0
for page in 0 1 2 3; do
    act vmalloc_to_pfn "v+$((page * 4))K"
    [ $((got)) != $((last + 1)) ] || neighbours=$((neighbours + 1))
    last=$((got))
done
must "no page lies behind the one before it in RAM" [ "$neighbours" = 0 ]
say "Any pages will do, so vmalloc still works when memory is so fragmented that no block of order 2 is left (kmalloc and" \
    "alloc_pages need one block)."

title "2. The same bytes in the other view"
say "vmalloc_32 takes pages that 32-bit devices reach, so none of high memory's: they have an address in the direct map, too."
act d = vmalloc_32 16K
act store d+8200 0x600dcafe
act q = vmalloc_to_page d+8K
direct=$(sed -n 's/^kernel_address *\(0x[0-9a-f]*\).*/\1/p' "$sim/page/q")
must "the page's address in the direct map is another one" [ "$direct" != "$(printf '0x%x' $((v + 8192)))" ]
act load "$(printf '%x' $((direct + 8)))"
must "there is the same word" grep -q '^0x600dcafe' <<<"$got"
must "and in dev/mem, by physical address" [ "$(word_at $(($(call vmalloc_to_pfn d+8K) * 4096 + 8)))" = 600dcafe ]
must "sim/walk shows the way there: the last table's entry maps that page" grep -q '^PTE.*PRESENT' "$sim/walk/d+8200"

title "3. Behind the last page is nothing"
refused load v+16K
must "the guard page faults: the kernel would die here instead of writing into its neighbour's memory" \
    grep -q 'unable to handle' "$sim/dmesg"

title "4. Lazily freed"
act load v
act vfree v
must "the pages are free" [ "$(kb VmallocUsed)" = 16 ]
must "the addresses are not: TLBs may still know them" grep -q "^$v-.* lazily freed$" "$sim/vmap_areas"
act load v
say "(That came from CPU 0's TLB. Making all CPUs forget is dear, so it is done once for many, or when addresses run out.)"
act w = vmalloc 16K
must "the next area lies elsewhere" [ "${got%% *}" != "$v" ]
act vm_unmap_aliases
refused load v
act x = vmalloc 16K
must "after the purge the place is given out again" [ "${got%% *}" = "$v" ]
act vfree w
act vfree x
act vfree d

title "5. What runs out first"
say "VmallocTotal is $(kb VmallocTotal) kB, MemFree is $(kb MemFree) kB."
act big.0- = vmalloc 4M
if [ "$(kb VmallocTotal)" -lt "$(kb MemFree)" ]; then
    must "addresses are used up while a gigabyte of memory is free" [ "$(kb MemFree)" -gt 1000000 ]
    must "the log says which knob there is" \
        grep -q 'vmap allocation for size 4198400 failed: use vmalloc=<size> to increase size' "$sim/dmesg"
else
    must "with 64 bits of addresses memory is used up first" [ "$(kb MemFree)" -lt 1000000 ]
fi
act vfree big.0-
act vm_unmap_aliases

title "6. What it costs"
start=$(now_ns)
act p = alloc_pages GFP_KERNEL 4
block=$(($(now_ns) - start))
start=$(now_ns)
act v = vmalloc 64K
scattered=$(($(now_ns) - start))
must "a block of 16 pages costs less than 16 pages, an area and 16 entries" [ "$block" -lt "$scattered" ]
say "And each use costs more: the direct map is mapped by large pages, an entry of the TLB for megabytes; vmalloc's pages" \
    "take an entry each."
act __free_pages p 4
act vfree v
