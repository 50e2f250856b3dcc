#!/bin/bash
# SPDX-License-Identifier: MIT
# Rights of a page (RWX 权限, 内核态与用户态, NX 不可执行, 缺页与无权限): read, write, execute, user and kernel; and the two
# reasons of a page fault: nothing is there, or something is there but not for this access.
. "$(dirname "$0")/lesson.sh"
fresh ram=512M
mkdir "$sim/tasks/demo" || must "a process can be made" false
flags() { sed -n 's/^PTE .*, //p' "$sim/tasks/demo/walk/$1"; }
code() { sed -n 's/.* code \(0x[0-9a-f]*\),.*/\1/p' "$sim/errors" | tail -1; }
signal() { grep -o 'SIG[A-Z]* (S[A-Z_]*)' "$sim/errors" | tail -1; }

title "1. Read and write"
act -p demo page = mmap NULL 4K rw-p
page=${got%% *}
act -p demo store page 0x2a
see cat "$sim/tasks/demo/walk/page"
must "the entry says RW and USER" grep -q 'RW.*USER\|USER.*RW' <<<"$(flags page)"
act -p demo mprotect page 4K r--
must "after mprotect it says RO" grep -q RO <<<"$(flags page)"
act -p demo load page
refused -p demo store page 1
must "a write is refused: something is there, but not for writing" [ "$(signal)" = "SIGSEGV (SEGV_ACCERR)" ]
must "error code 7: present, write, user" [ "$(code)" = 0x7 ]

title "2. No rights at all"
act -p demo mprotect page 4K ---
refused -p demo load page
must "PROT_NONE: the entry is not present to the MMU (code 4), though the page is kept" [ "$(code)" = 0x4 ]
act -p demo mprotect page 4K rw-
act -p demo load page
must "its content was kept" [ "${got%% *}" = 0x2a ]

title "3. The two reasons of a fault (缺页的两种原因)"
act -p demo fresh = mmap NULL 4K rw-p
act -p demo store fresh 1
must "not present, but a mapping is there: the kernel brings a page, the access is made again" grep -q 'fault=minor' <<<"$got"
refused -p demo load 12345000
must "not present and no mapping: SEGV_MAPERR" [ "$(signal)" = "SIGSEGV (SEGV_MAPERR)" ]
refused -p demo load 0
must "address 0 is nothing else (NULL pointer)" [ "$(signal)" = "SIGSEGV (SEGV_MAPERR)" ]
see grep 'segfault at 0 ' "$sim/dmesg"

title "4. The kernel's half"
refused -p demo load c1000000
must "user mode may not read the kernel's memory" [ "$(signal)" = "SIGSEGV (SEGV_MAPERR)" ]
must "whatever is there, the handler sees code 5: it learns nothing" [ "$(code)" = 0x5 ]
act -c 0 load c1000000
must "the kernel itself may" [ -n "$got" ]

title "5. Execute: on this machine, what can be read can be executed"
must "the CPU has no NX bit" no grep -q 'NX' <<<"$(flags fresh)"
act -p demo fetch fresh
must "an instruction is fetched from data" [ -n "$got" ]

title "6. The same on a kernel with PAE: entries of 64 bits have a bit 63, NX"
fresh ram=512M config=+X86_PAE
mkdir "$sim/tasks/demo" || must "a process can be made" false
act -p demo fresh = mmap NULL 4K rw-p
act -p demo store fresh 1
must "the entry says NX" grep -q NX <<<"$(flags fresh)"
refused -p demo fetch fresh
must "data cannot be executed" [ "$(signal)" = "SIGSEGV (SEGV_ACCERR)" ]
must "error code 0x15: present, user, instruction fetch" [ "$(code)" = 0x15 ]
act -p demo mprotect fresh 4K r-x
act -p demo fetch fresh
must "after mprotect with PROT_EXEC it can" [ -n "$got" ]
rmdir "$sim/tasks/demo"
must "everything adds up" [ "$(cat "$sim/check")" = ok ]
