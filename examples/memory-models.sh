#!/bin/bash
# SPDX-License-Identifier: MIT
# Memory models (内存模型): where the struct pages lie (mem_map), and what a hole in RAM costs: FLATMEM, DISCONTIGMEM, SPARSEMEM.
# Machine: pc-x86_64-numa
. "$(dirname "$0")/lesson.sh"
# RAM on two nodes, with two holes: 1.5 to 2 GiB, which memmap= takes away, and 3 to 4 GiB, where a PC has its devices.
holes='cmdline=memmap=512M$1536M'
field() { sed -n "s/^$1 *//p" "$sim/mem_map"; }
kib() { field mem_map | cut -d' ' -f1; }
parts() { field mem_map | sed 's/.* in \([0-9]*\) part.*/\1/'; }
holes_kib() { field mem_map | sed 's/.*(\([0-9]*\) KiB).*/\1/'; }
valid() { act pfn_valid "$1"; [ "${got%% *}" = "$2" ]; }
page_address_of() { act pfn_to_page "$1"; at=$((${got%% *})); }
low_hole=0x70000 high_hole=0xd0000 # page frame numbers inside the holes

title "1. SPARSEMEM with vmemmap: what 64-bit kernels use"
fresh "config=" "$holes"
see grep 'System RAM' "$proc/iomem"
see cat "$sim/mem_map"
say "RAM is cut into sections of 128 MiB. Only a section that has RAM gets struct pages; their pages of RAM are mapped so that" \
    "the struct page of pfn N is always at vmemmap + N * 64: no table to look into."
page_address_of 0x20000
first=$at
page_address_of 0x100000
must "the arithmetic holds across the holes" [ $((at - first)) = $(((0x100000 - 0x20000) * 64)) ]
must "a page in the first hole has no struct page" valid $low_hole 0
must "nor has one in the second" valid $high_hole 0
sparse=$(kib)
must "hardly a struct page is wasted" [ "$(holes_kib)" -lt 64 ]
see cat "$sim/walk/$(printf 0x%x $((at)))"
must "the page tables know where the struct page is" grep -q '^physical' "$sim/walk/$(printf 0x%x $((at)))"
refused pfn_to_page $high_hole
memory=$(kb MemTotal)

title "2. SPARSEMEM alone: a table of sections (mem_section)"
fresh "config=-SPARSEMEM_VMEMMAP" "$holes"
see cat "$sim/mem_map"
say "Without vmemmap the arrays lie in the direct map where they lie in RAM. From section to section the address may jump," \
    "so each conversion looks into mem_section[] first."
page_address_of 0x20000
first=$at
page_address_of 0x100000
must "the distance is not that of the numbers" [ $((at - first)) != $(((0x100000 - 0x20000) * 64)) ]
must "both take the same RAM" [ "$(kib)" = "$sparse" ]

title "3. DISCONTIGMEM, of history: an array for each node"
fresh "config=+DISCONTIGMEM" "$holes"
see cat "$sim/mem_map"
must "there are two arrays for two nodes" [ "$(parts)" = 2 ]
say "The hole between the nodes is in no array, and costs nothing. The one inside node 1 is described like RAM:"
must "no struct page between the nodes" valid $low_hole 0
must "but one for each page of the hole in the node" valid $high_hole 1
must "1 GiB of nothing takes 16 MiB" [ $(($(kib) - sparse)) = 16384 ]
act page_to_nid $high_hole
see grep -E '^(state|node|struct_page)' "$sim/page/$high_hole"
must "its struct page says that it is a hole" grep -q '^state *a hole' "$sim/page/$high_hole"

title "4. FLATMEM: one array for all (mem_map)"
say "It is the simplest, and is for one node."
fresh "config=+FLATMEM,-NUMA" "$holes"
see cat "$sim/mem_map"
must "there is one array" [ "$(parts)" = 1 ]
must "both holes have struct pages" valid $low_hole 1
must "24 MiB more than with SPARSEMEM" [ $(($(kib) - sparse)) = 24576 ]
less=$((memory - $(kb MemTotal)))
printf '    MemTotal: %d kB less than in 1.\n' $less
must "they are missing in MemTotal" [ $less -gt 20000 ]
must "and the page allocator's lists are whole" [ "$(cat "$sim/check")" = ok ]

title "5. One at a time"
cat <<<'reboot config=+FLATMEM' >"$sim/ctl" 2>/dev/null && must "FLATMEM with NUMA is refused" false
see tail -3 "$sim/errors"
must "the sentence says what would do" grep -q 'add -NUMA' "$sim/errors"
