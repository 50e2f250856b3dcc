/* SPDX-License-Identifier: MIT
 *
 * What the kernel logs of a signal that nobody handles.
 *
 *	x86	orc[186]: segfault at 0 ip 0000000000402e6a sp 00007ffe6ae7ae80 error 4 in orc[401000+9c000] likely on CPU 0
 *		(core 0, socket 0)
 *		Code: 00 00 ... <0f> b6 ...		42 bytes before the instruction, it, 21 behind
 *	x86	traps: orc[206] general protection fault ip:402df1 sp:7ffe6ae7ae80 error:0 in orc[401000+9c000]
 *	RISC-V	orc[186]: unhandled signal 11 code 0x1 at 0x0000000000000000 in orc[10000+9c000]
 *
 * " in" names the file of the first mapping that ends above the instruction (find_vma()), even when it begins above it: a
 * jump to 0 is "in" the program's first segment. The bytes are those of pages that are in memory (copy_from_user_nmi()
 * takes no fault); when one is not, the line says so.
 *
 * Left out: the rate limit (10 lines in 5 seconds), registers on RISC-V. ARM and AArch64 log nothing unless they are told to
 * (user_debug=, debug.exception-trace). Follows arch/x86/mm/fault.c, arch/x86/kernel/{dumpstack,traps}.c,
 * arch/riscv/kernel/traps.c and print_vma_addr() of mm/memory.c of 6.1.
 */
#include "mm/process/fault.h"

#include "base/text.h"
#include "mm/core/arch.h"
#include "mm/page/contents.h"
#include "mm/process/file.h"
#include "mm/process/mm.h"
#include "mm/process/pgtables.h"
#include "mm/process/task.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

#define PROLOGUE_BYTES 42u
#define EPILOGUE_BYTES 21u
#define OPCODE_BYTES   (PROLOGUE_BYTES + 1 + EPILOGUE_BYTES)

/* print_vma_addr(): " in orc[401000+9c000]", or nothing. */
static void put_where(struct machine *m, struct mm *mm, uint64_t ip, char *out, size_t cap)
{
	const struct vma *v = vma_find(m, &mm->vmas, ip);
	struct text text;

	*out = '\0';
	if (!v || !v->file_at)
		return;
	text_init(&text);
	inode_put_path(m, vma_inode(m, v), &text);
	const char *path = text_str(&text), *slash = strrchr(path, '/');

	snprintf(out, cap, " in %.64s[%llx+%llx]", slash ? slash + 1 : path, (ull)v->start,
		(ull)(v->end - v->start));
	text_finish(&text);
}

/* copy_from_user_nmi() of bytes of one page: false when that would take a fault. */
static bool copy_opcodes(
	struct machine *m, const struct mm *mm, uint64_t va, uint8_t *bytes, uint64_t n)
{
	const struct vma *v = va < mm->task_size ? vma_find(m, &mm->vmas, va) : NULL;
	struct dram dram = machine_dram(m);

	if (!v || v->start > va || !(v->flags & VM_ACCESS_FLAGS))
		return false;
	pte_t pte = pte_of(m, mm, va);

	return pte_present(m, pte) &&
	       !dram_read(&dram, (pte_pfn(m, pte) << PAGE_SHIFT) + va % PAGE_BYTES, bytes, n);
}

/* show_opcodes(). */
static void log_opcodes(struct machine *m, const struct mm *mm, uint64_t ip)
{
	uint64_t from = (ip - PROLOGUE_BYTES) & machine_word_max(m);
	uint64_t left = PAGE_BYTES - from % PAGE_BYTES,
		 n = left < OPCODE_BYTES ? left : OPCODE_BYTES;
	uint8_t bytes[OPCODE_BYTES];
	char words[sizeof(" <00>") + sizeof(" 00") * OPCODE_BYTES];
	unsigned at = 0;

	if (!copy_opcodes(m, mm, from, bytes, n) ||
		(n < OPCODE_BYTES && !copy_opcodes(m, mm, from + n, bytes + n, OPCODE_BYTES - n))) {
		log_printf(m, "Code: Unable to access opcode bytes at 0x%llx.", (ull)from);
		return;
	}
	for (unsigned i = 0; i < OPCODE_BYTES; i++)
		at += (unsigned)snprintf(words + at, sizeof(words) - at,
			i == PROLOGUE_BYTES ? " <%02x>" : " %02x", bytes[i]);
	log_printf(m, "Code:%s", words);
}

void log_signal(struct machine *m, const struct task *t, uint64_t ip)
{
	const struct siginfo *s = &t->signal;
	struct mm *mm = task_mm(m, t);
	int digits = machine_word_digits(m);
	char where[128];

	put_where(m, mm, ip, where, sizeof(where));
	if (arch_is_x86(m->arch) && s->code == SI_KERNEL_) {
		log_printf(m, "traps: %s[%u] general protection fault ip:%llx sp:%llx error:%llx%s",
			t->comm, t->pid, (ull)ip, (ull)t->sp, (ull)s->error_code, where);
	} else if (arch_is_x86(m->arch) && s->signo == SIGSEGV_) {
		log_printf(m,
			"%s[%u]: segfault at %llx ip %0*llx sp %0*llx error %llx%s likely on CPU "
			"%u "
			"(core %u, socket %u)",
			t->comm, t->pid, (ull)s->addr, digits, (ull)ip, digits, (ull)t->sp,
			(ull)s->error_code, where, t->cpu, t->cpu, m->cpu_node[t->cpu]);
		log_opcodes(m, mm, ip);
	} else if (m->arch == ARCH_RISCV64) {
		log_printf(m, "%s[%u]: unhandled signal %u code 0x%x at 0x%016llx%s", t->comm,
			t->pid, s->signo, s->code, (ull)s->addr, where);
	}
}
