/* SPDX-License-Identifier: MIT
 *
 * Claim: a CPU that switches between address spaces never answers with another one's pages, whether its TLB has numbers
 * for them or not, and after an unmapping no CPU that could know the page still does.
 *
 *	mm A: 0x10000 -> page a        CPU 0: A  B  A        with numbers the third run hits
 *	mm B: 0x10000 -> page b        CPU 1:    A           and hears of what CPU 0 unmaps
 */
#include "base/text.h"
#include "mm/kernel/cpus.h"
#include "mm/machine.h"
#include "mm/process/access.h"
#include "mm/process/asid.h"
#include "mm/process/syscalls.h"
#include "mm/process/task.h"
#include "mm/process/tlb_flush.h"
#include "support/booted.h"
#include "support/user_mm.h"

#include <criterion/criterion.h>
#include <errno.h>

static const char *const presets[] = {
	"pc-i386", "pc-x86_64", "arm-virt", "arm64-virt", "riscv64-virt"};
enum { NR_PRESETS = sizeof(presets) / sizeof(presets[0]) };

/* User mode gets at the page, and the tables stand above the TLBs. */
static void expect(struct machine *m, unsigned cpu, struct mm *mm, uint64_t pa, int tlb)
{
	struct hw_access a = user(m, cpu, mm, VA);
	struct text out;

	text_init(&out);
	cr_assert_eq(
		a.fault.fault, HW_FAULT_NONE, "%s: %s", m->model, hw_fault_words(a.fault.fault));
	cr_assert_eq(a.pa, pa, "%s: 0x%llx instead of 0x%llx", m->model, (unsigned long long)a.pa,
		(unsigned long long)pa);
	if (tlb >= 0)
		cr_assert_eq(a.tlb, tlb, "%s: TLB %d instead of %d", m->model, a.tlb, tlb);
	cr_assert_eq(tlbs_check(m, &out), 0, "%s: %s", m->model, text_str(&out));
	text_finish(&out);
}

Test(tlb_flush, two_address_spaces_one_address)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], NULL);
		struct mm *a = new_mm(m), *b = new_mm(m);
		uint64_t pa = map(m, a, VA), pb = map(m, b, VA);
		int again = m->processes.asids.bits ? HW_TLB_HIT : HW_TLB_MISS;

		cr_assert_null(current_mm(m, 0));
		expect(m, 0, a, pa, HW_TLB_MISS);
		expect(m, 0, a, pa, HW_TLB_HIT);
		expect(m, 0, b, pb, HW_TLB_MISS);
		expect(m, 0, a, pa, again);
		expect(m, 0, b, pb, again);
		cr_assert_eq(current_mm(m, 0), b);
		machine_destroy(m);
	}
}

/* What is said to be forgotten is; what is not, on no machine is the kernel's part. */
Test(tlb_flush, unmapped_is_forgotten)
{
	static const uint64_t pages[] = {1, 33, 34, 600};

	for (unsigned i = 0; i < NR_PRESETS; i++)
		for (unsigned k = 0; k < 4; k++) {
			struct machine *m = booted(presets[i], NULL);
			struct mm *a = new_mm(m), *b = new_mm(m);
			uint64_t pb = map(m, b, VA);

			map(m, a, VA);
			user(m, 0, b, VA);
			user(m, 0, a, VA);
			unmap(m, a, VA);
			flush_tlb_range(m, 0, a, VA, VA + pages[k] * PAGE_BYTES);
			cr_assert_eq(user(m, 0, a, VA).fault.fault, HW_FAULT_NOT_PRESENT,
				"%s, %llu pages", m->model, (unsigned long long)pages[k]);
			expect(m, 0, b, pb, -1);
			cr_assert_eq(m->processes.tlb_shootdowns, 0, "there is no other CPU in it");
			machine_destroy(m);
		}
}

/* The instruction that is not given: the check finds what the CPU still believes. */
Test(tlb_flush, the_check_can_fail)
{
	struct machine *m = booted("pc-x86_64", NULL);
	struct mm *a = new_mm(m);
	struct text out;

	text_init(&out);
	map(m, a, VA);
	user(m, 0, a, VA);
	unmap(m, a, VA);
	cr_assert_eq(tlbs_check(m, &out), 2, "data TLB and second level");
	cr_assert_eq(user(m, 0, a, VA).fault.fault, HW_FAULT_NONE, "a stale entry answers");
	text_finish(&out);
	machine_destroy(m);
}

Test(tlb_flush, other_cpus_hear_of_it)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], "cpus", "4", NULL);
		struct mm *a = new_mm(m), *b = new_mm(m);
		bool x86 = m->arch == ARCH_I386 || m->arch == ARCH_X86_64;
		bool ipi = x86 || m->arch == ARCH_RISCV64;

		map(m, a, VA);
		map(m, b, VA);
		user(m, 0, a, VA);
		user(m, 1, a, VA);
		user(m, 2, a, VA);
		user(m, 2, b, VA);
		unmap(m, a, VA);
		flush_tlb_range(m, 0, a, VA, VA + PAGE_BYTES);
		/* x86 does not interrupt CPU 2, which runs in another address space; the others tell it. */
		cr_assert_eq(m->processes.tlb_shootdowns, 1, "%s", m->model);
		cr_assert_eq(m->processes.tlb_shootdown_ipis,
			!ipi  ? 0u
			: x86 ? 1u
			      : 2u,
			"%s", m->model);
		cr_assert_eq(m->processes.asids.shootdowns_received[1], ipi);
		cr_assert_eq(m->processes.asids.shootdowns_received[2], ipi && !x86);
		cr_assert_eq(m->processes.asids.shootdowns_sent[0], 1);
		for (unsigned cpu = 0; cpu < 3; cpu++)
			cr_assert_eq(user(m, cpu, a, VA).fault.fault, HW_FAULT_NOT_PRESENT,
				"%s: CPU %u still knows the page", m->model, cpu);
		machine_destroy(m);
	}
}

/* With four CPUs and 255 numbers, six hundred address spaces take turns. */
Test(tlb_flush, numbers_run_out)
{
	enum { NR = 600 };
	struct machine *m = booted("arm-virt", "cpus", "4", "ram", "256M", NULL);
	static struct mm *mm[NR];
	static uint64_t pa[NR];

	for (unsigned i = 0; i < NR; i++) {
		mm[i] = new_mm(m);
		pa[i] = map(m, mm[i], VA);
	}
	expect(m, 3, mm[0], pa[0], -1);
	uint64_t generation = m->processes.asids.generation,
		 number = asid_number(&m->processes.asids, mm[0]);

	for (unsigned round = 0; round < 4; round++)
		for (unsigned i = 1; i < NR; i++)
			expect(m, i % 3, mm[i], pa[i], -1);
	cr_assert_gt(m->processes.asids.generation, generation + 0x100);
	expect(m, 3, mm[0], pa[0], HW_TLB_HIT);
	/* Its CPU never left it: it kept its number through all generations. */
	expect(m, 1, mm[0], pa[0], HW_TLB_MISS);
	cr_assert_eq(asid_number(&m->processes.asids, mm[0]), number);
	expect(m, 3, mm[1], pa[1], -1);
	expect(m, 3, mm[0], pa[0], -1);
	machine_destroy(m);
}

/* x86 has six numbers a CPU: the seventh address space takes the first one's. */
Test(tlb_flush, six_pcids)
{
	struct machine *m = booted("pc-x86_64", NULL);
	struct mm *mm[7];
	uint64_t pa[7];

	cr_assert_eq(m->processes.asids.bits, 12);
	for (unsigned i = 0; i < 7; i++) {
		mm[i] = new_mm(m);
		pa[i] = map(m, mm[i], VA);
	}
	for (unsigned i = 0; i < 6; i++)
		expect(m, 0, mm[i], pa[i], HW_TLB_MISS);
	for (unsigned i = 1; i < 6; i++)
		expect(m, 0, mm[i], pa[i], HW_TLB_HIT2); /* the first TLB has four ways for them */
	expect(m, 0, mm[6], pa[6], HW_TLB_MISS);
	machine_destroy(m);
}

/* Missed flushes are made up for at the next switch, page by page only when none was missed. */
Test(tlb_flush, x86_counts_generations)
{
	struct machine *m = booted("pc-x86_64", "cpus", "2", NULL);
	struct mm *a = new_mm(m), *b = new_mm(m);
	uint64_t pa = map(m, a, VA);

	map(m, b, VA);
	map(m, a, VA + PAGE_BYTES);
	user(m, 0, a, VA);
	user(m, 0, a, VA + PAGE_BYTES);
	user(m, 0, b, VA);
	expect(m, 0, a, pa, HW_TLB_HIT);
	user(m, 0, b, VA);
	user(m, 1, a, VA);
	unmap(m, a, VA + PAGE_BYTES);
	flush_tlb_range(m, 1, a, VA + PAGE_BYTES, VA + 2 * PAGE_BYTES);
	cr_assert_eq(m->processes.tlb_shootdowns, 0, "CPU 0 runs elsewhere");
	expect(m, 0, a, pa, HW_TLB_MISS);
	cr_assert_eq(user(m, 0, a, VA + PAGE_BYTES).fault.fault, HW_FAULT_NOT_PRESENT);
	expect(m, 1, a, pa, HW_TLB_HIT);
	machine_destroy(m);
}

Test(tlb_flush, an_address_space_ends)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], "cpus", "2", NULL);
		struct mm *a = new_mm(m), *b = new_mm(m);

		map(m, a, VA);
		uint64_t pb = map(m, b, VA);
		user(m, 0, a, VA);
		user(m, 1, a, VA);
		unmap(m, a, VA);
		flush_tlb_mm(m, 0, a);
		cr_assert_null(current_mm(m, 0));
		cr_assert_null(current_mm(m, 1));
		struct hw_access x = {.va = VA, .bytes = 4, .kind = HW_LOAD, .user = true};

		cr_assert_eq(
			machine_access(m, 1, &x), -EFAULT, "%s: nothing is mapped now", m->model);
		expect(m, 1, b, pb, HW_TLB_MISS);
		machine_destroy(m);
	}
}

/* ARM's kernel reaches user memory only when it opens the domain. */
Test(tlb_flush, arm_domains)
{
	struct machine *m = booted("arm-virt", NULL);
	struct mm *a = new_mm(m);
	uint64_t pa = map(m, a, VA);
	struct hw_access x = {.va = VA, .bytes = 4, .kind = HW_LOAD};

	expect(m, 0, a, pa, HW_TLB_MISS);
	cr_assert_eq(machine_cpu_registers(m, 0)[HW_DACR], 0x55);
	cr_assert_eq(machine_access(m, 0, &x), -EFAULT);
	cr_assert_eq(x.fault.fault, HW_FAULT_NO_DOMAIN);
	cr_assert_eq(machine_cpu_registers(m, 0)[HW_DACR], 0x51);
	expect(m, 0, a, pa, HW_TLB_HIT);
	cr_assert_eq(machine_cpu_registers(m, 0)[HW_CONTEXTIDR], 1);
	cr_assert_eq(switch_mm(m, 0, NULL), 0);
	cr_assert_eq(machine_cpu_registers(m, 0)[HW_DACR], 0x51);
	cr_assert_eq(machine_cpu_registers(m, 0)[HW_CONTEXTIDR], 0);
	machine_destroy(m);
}

/* Switching to where one is costs nothing; a shootdown costs its maker and the others. */
Test(tlb_flush, cycles)
{
	struct machine *m = booted("pc-x86_64", "cpus", "2", NULL);
	struct mm *a = new_mm(m);

	map(m, a, VA);
	user(m, 0, a, VA);
	user(m, 1, a, VA);
	uint64_t now = m->clock.now_ns, other = machine_cpu_peek(m, 1)->counters.cycles;

	cr_assert_eq(switch_mm(m, 0, a), 0);
	cr_assert_eq(m->clock.now_ns, now);
	flush_tlb_range(m, 0, a, VA, VA + PAGE_BYTES);
	cr_assert_geq(m->clock.now_ns, now + (HW_CYCLES_IPI + HW_CYCLES_INVLPG) / 3);
	cr_assert_eq(machine_cpu_peek(m, 1)->counters.cycles,
		other + HW_CYCLES_INTERRUPT + HW_CYCLES_INVLPG);
	machine_destroy(m);
}

/* Someone looks at physical addresses; a process that is to run there has its own again. */
Test(tlb_flush, a_process_needs_the_mmu)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], NULL);
		struct mm *a = new_mm(m);
		uint64_t pa = map(m, a, VA);
		struct hw_access x = {.va = pa, .bytes = 4, .kind = HW_LOAD};

		expect(m, 0, a, pa, HW_TLB_MISS);
		cr_assert_eq(machine_cpu_set_mmu(m, 0, false), 0);
		cr_assert_null(current_mm(m, 0));
		cr_assert_eq(machine_access(m, 0, &x), 0);
		cr_assert_eq(x.tlb, HW_TLB_OFF);
		cr_assert_eq(x.pa, pa);
		expect(m, 0, a, pa, HW_TLB_MISS);
		cr_assert_eq(machine_cpu_regime(m, 0).mode, m->kernel_map.mode);
		machine_destroy(m);
	}
}

/* One munmap() of two mappings, three pages of which were there: on x86 CPU 1 is told once, elsewhere once for each
 * mapping, and once more for their tables. */
Test(tlb_flush, one_call_flushes_once)
{
	for (unsigned i = 0; i < NR_PRESETS; i++) {
		struct machine *m = booted(presets[i], "cpus", "2", NULL);
		struct task *t;
		uint64_t at, second;

		cr_assert_eq(task_spawn(m, 0, "one", 3, &t), 0);
		cr_assert_eq(sys_mmap(m, t, 0, 8 * PAGE_BYTES, PROT_READ_ | PROT_WRITE_,
				     MAP_PRIVATE_ | MAP_ANONYMOUS_, NULL, 0, NULL, &at),
			0);
		second = at + 4 * PAGE_BYTES;
		cr_assert_eq(sys_mprotect(m, t, second, 4 * PAGE_BYTES, PROT_READ_), 0);
		const uint64_t touched[] = {
			at + PAGE_BYTES, at + 2 * PAGE_BYTES, second + PAGE_BYTES};

		for (unsigned k = 0; k < 3; k++) {
			struct task_access x = {
				.a = {.va = touched[k], .bytes = 1, .kind = HW_LOAD}};

			cr_assert_eq(task_access(m, t, &x), 0);
		}
		cr_assert_eq(switch_mm(m, 1, task_mm(m, t)), 0);
		uint64_t before = m->processes.tlb_shootdowns;
		bool x86 = m->arch == ARCH_X86_64 || m->arch == ARCH_I386;

		cr_assert_eq(sys_munmap(m, t, at, 8 * PAGE_BYTES), 0);
		uint64_t told = m->processes.tlb_shootdowns - before;

		cr_assert(x86 ? told == 1 : told >= 2, "%s: %llu", m->model,
			(unsigned long long)told);
		booted_check(m);
		machine_destroy(m);
	}
}
