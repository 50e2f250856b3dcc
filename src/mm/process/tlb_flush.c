/* SPDX-License-Identifier: MIT
 *
 * Switching address spaces and shooting down TLB entries (see tlb_flush.h).
 *
 * A switch writes the registers that the architecture has for it:
 *
 *	x86         cr3 = table | PCID, bit 63: keep what the TLB has under that PCID
 *	ARM         ttbr0 = table | how walks are cached, contextidr = ASID; user mode: dacr opens domain 1
 *	AArch64     ttbr0_el1 = table | ASID << 48
 *	RISC-V      satp = Sv39 | ASID | page number of the table
 *
 * When a mapping changes, TLBs that may know the old one must forget it:
 *
 *	      CPU 0 unmaps                       CPU 1                       CPU 2
 *	      tables changed                     runs in the same mm         ran in it once
 *	      forgets it itself ----- IPI -----> forgets it                  x86: sees at its next switch by
 *	      goes on  <------ done -----------                              mm.tlb_gen that it missed something
 *
 * x86 sends IPIs to the CPUs that run in the address space (mm.cpumask loses a CPU that switches away), RISC-V's
 * firmware to all that ever did. ARM's and AArch64's TLB instructions reach all CPUs of themselves: a shootdown is
 * counted, but nobody is interrupted. Above a number of pages all entries of the address space go: x86 33, AArch64 512,
 * RISC-V 1; ARM goes page by page.
 *
 * Invariant: no entry under a number that a CPU uses now allows what the tables do not (tlbs_check()).
 *
 * Left out: lazy TLBs of kernel threads (the CPU has another mm or the kernel's own), batched unmapping for reclaim,
 * AArch64's isolation of the kernel.
 */
#include "mm/process/tlb_flush.h"

#include "base/text.h"
#include "mm/kernel/cpus.h"
#include "mm/kernel/fixmap.h"
#include "mm/kernel/kernel_pte.h"
#include "mm/page/contents.h"
#include "mm/process/asid.h"
#include "mm/process/pgtables.h"
#include "mm/vmalloc/vmap_area.h"

#include <assert.h>

enum { DACR_KERNEL = 0x51, DACR_USER = 0x55, TTBR_WALK_FLAGS = 0x6a };
/* The kernel's own address space, in slots. */
#define INIT_MM_ID  UINT64_MAX
#define CR3_NOFLUSH ((uint64_t)1 << 63)
#define CR4_PCIDE   ((uint64_t)1 << 17)

typedef unsigned long long ull;

static bool is_x86(const struct machine *m)
{
	return m->arch == ARCH_I386 || m->arch == ARCH_X86_64;
}

void asids_init(struct machine *m)
{
	struct asids *a = &m->processes.asids;

	*a = (struct asids){.next = 1};
	switch (m->arch) {
	case ARCH_I386:
	case ARCH_X86_64:
		a->bits = m->cpus.reg[HW_CR4] & CR4_PCIDE ? m->cpus.desc.asid_bits : 0;
		return;
	default:
		a->bits = m->cpus.desc.asid_bits;
		break;
	}
	/* Numbers that run must leave some for others. */
	if (m->nr_cpus * 2 >= 1u << a->bits)
		a->bits = 0;
	a->generation = a->bits ? (uint64_t)1 << a->bits : 0;
}

/* ---- switching ---- */

static void put(struct hw_cpu *c, enum hw_reg reg, uint64_t value)
{
	int err = hw_reg_write(c, reg, value, NULL);

	assert(!err);
	(void)err;
}

static void put_cr3(
	const struct asids *a, struct hw_cpu *c, uint64_t root, uint16_t pcid, bool flush)
{
	put(c, HW_CR3, root | pcid | (a->bits && !flush ? CR3_NOFLUSH : 0));
}

static void x86_switch(struct machine *m, struct hw_cpu *c, unsigned cpu, const struct mm *mm)
{
	struct asids *a = &m->processes.asids;
	bool flush;
	unsigned slot = asid_slot(m, cpu, mm ? mm->id : INIT_MM_ID, mm ? mm->tlb_gen : 0, &flush);

	if (flush)
		a->user_flush[cpu] |= (uint8_t)(1u << slot);
	put_cr3(a, c, mm ? mm->pgd : m->kernel_map.root, asid_pcid(a, slot, false), flush);
}

static void other_switch(struct machine *m, struct hw_cpu *c, unsigned cpu, struct mm *mm)
{
	bool flush = !m->processes.asids.bits;
	uint16_t asid = mm ? asid_get(m, cpu, mm, &flush) : 0;

	if (m->arch == ARCH_ARM) {
		if (mm)
			check_vmalloc_seq(m, mm);
		put(c, HW_TTBR0, (mm ? mm->pgd : m->kernel_map.root) | TTBR_WALK_FLAGS);
		put(c, HW_CONTEXTIDR, asid);
	} else if (m->arch == ARCH_ARM64) {
		put(c, HW_TTBR0_EL1,
			(mm ? mm->pgd : m->kernel_map.empty_root) | (uint64_t)asid << 48);
	} else {
		uint64_t root = mm ? mm->pgd : m->kernel_map.root;

		put(c, HW_SATP, (uint64_t)8 << 60 | (uint64_t)asid << 44 | root >> PAGE_SHIFT);
	}
	/* Of all, when numbers are used anew; without numbers the kernel's own stay. */
	if (flush)
		hw_flush_tlb(c, !m->processes.asids.bits);
}

static void set_cpu(uint64_t *mask, unsigned cpu, bool on)
{
	uint64_t bit = (uint64_t)1 << cpu % 64;

	mask[cpu / 64] = on ? mask[cpu / 64] | bit : mask[cpu / 64] & ~bit;
}

/* Another address space, with the kernel's registers. */
static void load_mm(struct machine *m, struct hw_cpu *c, unsigned cpu, struct mm *mm)
{
	struct asids *a = &m->processes.asids;
	struct mm *prev = current_mm(m, cpu);

	if (is_x86(m)) {
		/* From here on it need not be told; it will see tlb_gen. */
		if (prev)
			set_cpu(prev->cpumask, cpu, false);
		x86_switch(m, c, cpu, mm);
	} else {
		other_switch(m, c, cpu, mm);
	}
	if (mm)
		set_cpu(mm->cpumask, cpu, true);
	a->mm_at[cpu] = mm ? machine_ref(m, mm) : 0;
	a->user_at[cpu] = 0;
}

/* The registers of user mode, in the address space that is loaded. */
static void load_user(struct machine *m, struct hw_cpu *c, unsigned cpu, const struct mm *mm)
{
	struct asids *a = &m->processes.asids;
	unsigned slot = a->this_slot[cpu];

	if (m->arch == ARCH_ARM)
		put(c, HW_DACR, DACR_USER);
	if (is_x86(m) && mm->user_pgd) {
		put_cr3(a, c, mm->user_pgd, asid_pcid(a, slot, true),
			a->user_flush[cpu] >> slot & 1);
		a->user_flush[cpu] &= (uint8_t) ~(1u << slot);
	}
	a->user_at[cpu] = machine_ref(m, mm);
}

void enter_kernel_slow(struct machine *m, unsigned cpu)
{
	struct asids *a = &m->processes.asids;
	const struct mm *mm = machine_at(m, a->user_at[cpu]);
	struct hw_cpu *c = machine_cpu(m, cpu);

	assert(c && a->mm_at[cpu] == a->user_at[cpu]);
	if (m->arch == ARCH_ARM)
		put(c, HW_DACR, DACR_KERNEL);
	else
		put_cr3(a, c, mm->pgd, asid_pcid(a, a->this_slot[cpu], false), false);
	a->user_at[cpu] = 0;
}

int switch_mm_slow(struct machine *m, unsigned cpu, struct mm *mm)
{
	struct asids *a = &m->processes.asids;
	struct hw_cpu *c = machine_cpu(m, cpu);

	if (!c)
		return -m->why.err;
	uint64_t before = c->counters.cycles;

	/* Someone switched translation off to look at physical addresses; a process cannot run so. */
	if (mm && c->regime.mode == PAGING_NONE) {
		int err = machine_cpu_set_mmu(m, cpu, true);

		if (err)
			return err;
	}
	if (a->mm_at[cpu] != (mm ? machine_ref(m, mm) : 0)) {
		enter_kernel(m, cpu);
		load_mm(m, c, cpu, mm);
	}
	if (mm)
		load_user(m, c, cpu, mm);
	else
		enter_kernel(m, cpu);
	machine_charge_cycles(m, c->counters.cycles - before);
	return 0;
}

/* ---- forgetting ---- */

/* Pages that are forgotten one by one; more: the whole address space. */
static uint64_t ceiling_pages(const struct machine *m)
{
	switch (m->arch) {
	case ARCH_I386:
	case ARCH_X86_64:
		return 33; /* tlb_single_page_flush_ceiling */
	case ARCH_ARM:
		return UINT64_MAX >> PAGE_SHIFT;
	case ARCH_ARM64:
		return 511; /* below MAX_TLBI_OPS */
	case ARCH_RISCV64:
	case NR_ARCHS:
		break;
	}
	return 1;
}

struct flush {
	const struct mm *mm;
	uint64_t start, end;
	bool whole;
};

static void forget(struct hw_cpu *c, const struct flush *f, uint16_t asid, bool whole)
{
	if (whole)
		hw_flush_asid(c, asid);
	else
		hw_flush_range(c, asid, f->start, f->end);
}

/* flush_tlb_func(): unless this CPU missed an earlier one, only what is asked. */
static void x86_forget(struct machine *m, struct hw_cpu *c, unsigned cpu, const struct flush *f)
{
	struct asids *a = &m->processes.asids;
	unsigned slot = a->this_slot[cpu];
	uint64_t *gen = &a->slot_gen[cpu][slot];
	bool whole = f->whole || *gen + 1 != f->mm->tlb_gen;
	bool in_user = a->user_at[cpu];

	assert(current_mm(m, cpu) == f->mm && a->slot[cpu][slot] == f->mm->id);
	*gen = f->mm->tlb_gen;
	forget(c, f, asid_pcid(a, slot, false), whole);
	if (!f->mm->user_pgd || !a->bits)
		return;
	/* All of the user's half is forgotten when it is next loaded. */
	if (whole && !in_user)
		a->user_flush[cpu] |= (uint8_t)(1u << slot);
	else
		forget(c, f, asid_pcid(a, slot, true), whole);
}

static void forget_on(struct machine *m, unsigned cpu, const struct flush *f)
{
	const struct asids *a = &m->processes.asids;
	struct hw_cpu *c = m->cpus.at[cpu] ? machine_at(m, m->cpus.at[cpu]) : NULL;

	if (!c)
		return;
	if (is_x86(m))
		x86_forget(m, c, cpu, f);
	else if (a->bits ? f->mm->asid != 0 : current_mm(m, cpu) == f->mm)
		forget(c, f, a->bits ? asid_number(a, f->mm) : 0, f->whole);
}

/* The CPUs other than @cpu in the mask hear of it. Returns how many. */
static unsigned shoot_down(struct machine *m, unsigned cpu, const struct flush *f)
{
	struct asids *a = &m->processes.asids;
	bool ipi = is_x86(m) || m->arch == ARCH_RISCV64;
	unsigned told = 0;

	for (unsigned word = 0; word < MAX_CPUS / 64; word++)
		for (uint64_t left = f->mm->cpumask[word]; left; left &= left - 1) {
			unsigned other = word * 64 + (unsigned)__builtin_ctzll(left);

			if (other == cpu)
				continue;
			forget_on(m, other, f);
			told++;
			if (!ipi)
				continue;
			struct hw_cpu *c = machine_at(m, m->cpus.at[other]);

			if (c->count_cycles)
				c->counters.cycles += HW_CYCLES_INTERRUPT;
			a->shootdowns_received[other]++;
			m->processes.tlb_shootdown_ipis++;
		}
	if (!told)
		return 0;
	m->processes.tlb_shootdowns++;
	a->shootdowns_sent[cpu]++;
	return ipi ? told : 0;
}

static void flush_mm(struct machine *m, unsigned cpu, struct mm *mm, uint64_t start, uint64_t end)
{
	struct flush f = {.mm = mm, .start = start, .end = end};
	struct hw_cpu *c = m->cpus.at[cpu] ? machine_at(m, m->cpus.at[cpu]) : NULL;
	uint64_t before = c ? c->counters.cycles : 0;

	f.whole = end == UINT64_MAX || (end - start) >> PAGE_SHIFT > ceiling_pages(m);
	mm->tlb_gen++;
	if (mm->cpumask[cpu / 64] >> cpu % 64 & 1)
		forget_on(m, cpu, &f);
	unsigned interrupted = shoot_down(m, cpu, &f);

	if (!c)
		return;
	if (interrupted && c->count_cycles)
		c->counters.cycles += HW_CYCLES_IPI;
	machine_charge_cycles(m, c->counters.cycles - before);
}

void flush_tlb_range(struct machine *m, unsigned cpu, struct mm *mm, uint64_t start, uint64_t end)
{
	assert(cpu < m->nr_cpus && start <= end);
	if (start < end)
		flush_mm(m, cpu, mm, start, end);
}

void flush_tlb_mm(struct machine *m, unsigned cpu, struct mm *mm)
{
	assert(cpu < m->nr_cpus);
	flush_mm(m, cpu, mm, 0, UINT64_MAX);
	for (unsigned other = 0; other < m->nr_cpus; other++)
		if (current_mm(m, other) == mm) {
			int err = switch_mm(m, other, NULL);

			/* It runs in @mm, so it was made. */
			assert(!err);
			(void)err;
		}
	memset(mm->cpumask, 0, sizeof(mm->cpumask));
}

/* ---- the kernel's own addresses ---- */

/* What CPU @c must forget. Global entries go with those of the number that runs; with page-table isolation the kernel's are
 * not global, so what it has under its other numbers is out of date (invalidate_other_asid()). */
static void forget_kernel(struct machine *m, struct hw_cpu *c, unsigned cpu, const struct flush *f)
{
	struct asids *a = &m->processes.asids;

	if (f->whole) {
		hw_flush_tlb(c, false);
		return;
	}
	hw_flush_range(c, c->regime.asid, f->start, f->end);
	if (!m->kernel_map.pti || !a->bits)
		return;
	for (unsigned slot = 0; slot < TLB_NR_DYN_ASIDS; slot++)
		if (slot != a->this_slot[cpu])
			a->slot[cpu][slot] = 0;
}

void flush_tlb_kernel_range(struct machine *m, unsigned cpu, uint64_t start, uint64_t end)
{
	struct flush f = {.start = start, .end = end};
	struct asids *a = &m->processes.asids;
	bool ipi = is_x86(m) || m->arch == ARCH_RISCV64;
	struct hw_cpu *own = m->cpus.at[cpu] ? machine_at(m, m->cpus.at[cpu]) : NULL;
	uint64_t before = own ? own->counters.cycles : 0;

	assert(cpu < m->nr_cpus && start < end);
	f.whole = m->arch == ARCH_RISCV64 || (end - start) >> PAGE_SHIFT > ceiling_pages(m);
	for (unsigned other = 0; other < m->nr_cpus; other++) {
		struct hw_cpu *c = m->cpus.at[other] ? machine_at(m, m->cpus.at[other]) : NULL;

		if (c)
			forget_kernel(m, c, other, &f);
		if (!ipi || other == cpu)
			continue;
		if (c && c->count_cycles)
			c->counters.cycles += HW_CYCLES_INTERRUPT;
		a->shootdowns_received[other]++;
		m->processes.tlb_shootdown_ipis++;
	}
	if (m->nr_cpus > 1) {
		m->processes.tlb_shootdowns++;
		a->shootdowns_sent[cpu]++;
	}
	if (!own)
		return;
	if (ipi && m->nr_cpus > 1 && own->count_cycles)
		own->counters.cycles += HW_CYCLES_IPI;
	machine_charge_cycles(m, own->counters.cycles - before);
}

/* ---- checking ---- */

/* Does only the page's age keep the hardware from it, which clear_refs takes without a flush? A TLB that knows the page
 * as a used one goes on using it. */
static bool merely_old(struct machine *m, unsigned cpu, const struct hw_cpu *c,
	const struct tlb_page *e, uint64_t va)
{
	const struct mm *mm = current_mm(m, cpu);
	pte_t pte = mm && e->asid == c->regime.asid && va < mm->task_size ? pte_of(m, mm, va) : 0;

	return pte_present(m, pte) && !pte_is(m, pte, PTE_YOUNG) &&
	       pte_pfn(m, pte) == e->pa >> PAGE_SHIFT &&
	       (pte_is(m, pte, PTE_WRITE) || !(e->flags & HW_UW)) &&
	       (pte_is(m, pte, PTE_EXEC) || !(e->flags & HW_UX));
}

static unsigned tlb_against_tables(struct machine *m, unsigned cpu, const struct hw_cpu *c,
	const struct tlb *t, struct text *out)
{
	struct dram d = machine_dram(m);
	const struct tlb_page *e;
	unsigned i = 0, bad = 0;
	uint64_t va;

	while ((e = tlb_next(t, &i, &va))) {
		struct page_walk w;
		unsigned of_cpu, slot;

		if (!tlb_answers(e, c->regime.asid))
			continue;
		/* Of what vfree() unmapped nobody was told yet. */
		if (vmap_area_is_lazy(m, va))
			continue;
		/* Another CPU's slots are not this one's business, and it is not told of them. */
		if (kmap_slot_at(m, va, &of_cpu, &slot) && of_cpu != cpu)
			continue;
		walk_tables(&c->regime, &d, va, &w);
		if (!w.fault && w.pa == e->pa && !(e->flags & HW_ALL & ~w.flags))
			continue;
		if (merely_old(m, cpu, c, e, va))
			continue;
		text_printf(out,
			"cpu%u: a TLB still has 0x%llx -> 0x%llx, which the tables do not allow\n",
			cpu, (ull)va, (ull)e->pa);
		bad++;
	}
	return bad;
}

unsigned tlbs_check(struct machine *m, struct text *out)
{
	unsigned bad = 0;

	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++) {
		const struct hw_cpu *c = machine_cpu_peek(m, cpu);

		if (!c || c->regime.mode == PAGING_NONE)
			continue;
		bad += tlb_against_tables(m, cpu, c, &c->itlb, out);
		bad += tlb_against_tables(m, cpu, c, &c->dtlb, out);
		bad += tlb_against_tables(m, cpu, c, &c->stlb, out);
	}
	return bad;
}
