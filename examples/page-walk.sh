#!/bin/bash
# SPDX-License-Identifier: MIT
# A page walk (页表, 基地址寄存器, TLB): how 0x12345678 becomes a physical address, by hand and by the MMU. The tables lie
# in memory themselves; so this lesson writes them there with dd, and the CPU follows.
. "$(dirname "$0")/lesson.sh"
fresh ram=512M
if [ -e "$sim/cpu0/registers" ] && ! grep -q '^paging *x86 two-level' "$sim/cpu0/registers"; then
    say "This lesson needs a 32-bit PC without PAE: simmfs pc-i386 MOUNTPOINT. Nothing was done."
    exit 0
fi

# The 4 bytes at physical address $1 (by hand: dev/mem), and the other way.
peek() { printf '0x%x' "0x$(dd if="$MNT/dev/mem" bs=4 count=1 skip=$(($1 / 4)) 2>/dev/null | od -An -t x4 | tr -d ' ')"; }
poke() {
    local v=$(($2))
    printf '%b' "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $((v & 255)) $((v >> 8 & 255)) $((v >> 16 & 255)) $((v >> 24 & 255)))" |
        dd of="$MNT/dev/mem" bs=4 count=1 seek=$(($1 / 4)) conv=notrunc 2>/dev/null
}
walk() { sed -n "s/^$2 *//p" "$sim/walk/$1"; }

title "1. The table base register (基地址寄存器) and the two indexes"
see grep -E '^(paging|cr0|cr3)' "$sim/cpu0/registers"
cr3=$(($(awk '$1 == "cr3" { print $2 }' "$sim/cpu0/registers") & ~0xfff))
say "cr3 holds a physical address: of a page with 1024 entries of 4 bytes. The upper 10 bits of an address choose the" \
    "entry; it leads to a second page (页表) of 1024 entries, where the next 10 bits choose; the last 12 go on as they are."
printf '    0x12345678 = %s\n' "index $(printf '0x%x' $((0x12345678 >> 22))), index $(printf '0x%x' $((0x12345678 >> 12 & 0x3ff))), byte 0x678"
must "0x12345 is a page number, 0x678 the byte in the page" [ $((0x12345 << 12 | 0x678)) = $((0x12345678)) ]

title "2. Nothing is mapped there yet"
must "the entry is empty" [ "$(peek $((cr3 + 0x48 * 4)))" = 0x0 ]
see cat "$sim/walk/0x12345678"
must "the walk ends at the first entry" grep -q '^fault' "$sim/walk/0x12345678"
refused load 12345678

title "3. A table, a page, two entries: written into memory by hand"
act table = get_zeroed_page GFP_KERNEL
table=$((${got%% *} - 0xc0000000))
act data = get_zeroed_page GFP_KERNEL
data=$((${got%% *} - 0xc0000000))
say "The kernel's addresses of these pages are 0xc0000000 above the physical ones; entries hold physical ones." \
    "The low bits are flags: 1 present, 2 writable, 4 for user mode."
poke $((cr3 + 0x48 * 4)) $((table | 7))
poke $((table + 0x345 * 4)) $((data | 7))
poke $((data + 0x678)) 0x2a
see cat "$sim/walk/0x12345678"
must "the walk finds the byte that we meant" [ "$(walk 0x12345678 physical)" = "$(printf '0x%x' $((data + 0x678)))" ]

title "4. The CPU goes the same way, and then remembers: the TLB"
act load 12345678
must "it reads what dev/mem wrote" [ "${got%% *}" = 0x2a ]
must "the first access walked" grep -q 'tlb=miss' <<<"$got"
first=${got#*cycles=} first=${first%% *}
act load 12345678
must "the second found the translation in the TLB" grep -q 'tlb=hit' <<<"$got"
second=${got#*cycles=} second=${second%% *}
must "and took a fraction of the time" [ $((second * 10)) -lt "$first" ]
must "the hardware has set the accessed flag (0x20) in the entry" [ $(($(peek $((table + 0x345 * 4))) & 0x20)) != 0 ]
act store 12345678 0x2b
must "a store sets the dirty flag (0x40)" [ $(($(peek $((table + 0x345 * 4))) & 0x40)) != 0 ]

title "5. The TLB does not see that the table changes"
act other = get_zeroed_page GFP_KERNEL
other=$((${got%% *} - 0xc0000000))
poke $((table + 0x345 * 4)) $((other | 7))
must "the table leads to another page now" [ "$(walk 0x12345678 physical)" = "$(printf '0x%x' $((other + 0x678)))" ]
act load 12345678
must "the CPU still reads the old one" [ "${got%% *}" = 0x2b ]
act invlpg 12345678
act load 12345678
must "after invlpg it walks, and reads the new one" [ "${got%% *}" = 0x0 ]

title "6. User and kernel (kernel/user 权限)"
act load 12345678 4 user
must "user mode may read this page: flag 4 is set on both levels" grep -q '^0x0 ' <<<"$got"
say "The kernel's own pages have no such flag."
refused load c1000000 4 user
must "the code says: present, read, from user mode (5)" grep -q 'code 0x5' "$sim/errors"
act load c1000000

poke $((cr3 + 0x48 * 4)) 0
act flush_tlb_all
act free_page other
act free_page data
act free_page table
must "all is as it was" [ "$(cat "$sim/check")" = ok ]
