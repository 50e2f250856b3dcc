#!/bin/bash
# SPDX-License-Identifier: MIT
# Two processes, one address, two pages (虚拟地址空间, 进程隔离, 页表基址): each process has page tables of its own, and the
# CPU changes from one to the other by loading one register.
. "$(dirname "$0")/lesson.sh"
fresh ram=512M
for name in alice bob; do mkdir "$sim/tasks/$name" || must "a process can be made" false; done
page_of() { sed -n 's/^physical *//p' "$sim/tasks/$1/walk/$2"; }
register() { awk -v r="$1" '$1 == r { print $2 }' "$sim/cpu0/registers"; }

title "1. The same address in both"
act -p alice mmap 0x20000000 4K rw-p MAP_PRIVATE+MAP_ANONYMOUS+MAP_FIXED
act -p bob mmap 0x20000000 4K rw-p MAP_PRIVATE+MAP_ANONYMOUS+MAP_FIXED
act -p alice store 20000000 0xa11ce
alice_cr3=$(register cr3)
act -p bob store 20000000 0xb0b
bob_cr3=$(register cr3)
act -p alice load 20000000
must "alice reads what alice wrote" [ "${got%% *}" = 0xa11ce ]
act -p bob load 20000000
must "bob reads what bob wrote" [ "${got%% *}" = 0xb0b ]

title "2. Two pages"
see grep -E '^(PGD|PTE|physical)' "$sim/tasks/alice/walk/20000000"
see grep -E '^(PGD|PTE|physical)' "$sim/tasks/bob/walk/20000000"
must "the address leads to different pages" [ "$(page_of alice 20000000)" != "$(page_of bob 20000000)" ]
must "because the walks begin at different tables: cr3 changed at the switch" [ "$alice_cr3" != "$bob_cr3" ]

title "3. The page itself knows one of them"
pfn=$(printf '0x%x' $(($(page_of alice 20000000) >> 12)))
see cat "$sim/page/$pfn"
must "it is mapped once" grep -q '^mapcount *1$' "$sim/page/$pfn"

title "4. Nobody reaches the other's"
refused -p alice load 30000000
must "an address that only bob could have mapped is no address of alice's" grep -q SEGV_MAPERR "$sim/errors"
say "There is no address that alice could use for bob's page: her tables do not lead there."

title "5. The kernel is the same in both"
say "The upper part of every process's table leads to the same tables: the kernel's. User mode may not go there."
entry() { sed -n 's/^PGD .*-> //p' "$sim/tasks/$1/walk/0xc1000000"; }
must "both have the kernel's entry" [ -n "$(entry alice)" ]
must "and it is the same one" [ "$(entry alice)" = "$(entry bob)" ]
refused -p alice load c1000000
must "but a user's access is refused" grep -q SIGSEGV "$sim/errors"
for name in alice bob; do rmdir "$sim/tasks/$name"; done
must "everything adds up" [ "$(cat "$sim/check")" = ok ]
