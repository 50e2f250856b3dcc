/* SPDX-License-Identifier: MIT
 *
 * kmap_local_page() and kmap_atomic(): a CPU's own windows, for a short time (see highmem.h).
 *
 *	CPU 0's slots      fffbb000   fffba000   fffb9000   ...  downwards, 16 a CPU
 *	                   page a     page b     empty
 *	                              depth = 2 ^ the next one
 *
 * The slots are a stack: a mapping takes the next one, an unmapping gives back the latest, and no CPU looks at another's.
 * So nothing is searched, nobody waits, and an unmapping needs to tell no other CPU's TLB: the entry is cleared, and this
 * CPU forgets the page. The stack must stay one below its size: the 16th mapping is a BUG.
 *
 *	6.1      kunmap_local() clears the entry; kmap_local() finds an empty one
 *	before   kunmap_atomic() left the entry as it was, and kmap_atomic() wrote over it and made the TLB forget: one
 *	         access less to the table, and who uses the address too late reads another page instead of faulting. (i386 early in
 *	         2.6, ARM until 5.10, without CONFIG_DEBUG_HIGHMEM.) highmem.stale chooses that.
 *
 * kmap_atomic() is the same with preemption and page faults off, for low memory, too; what counts of that here is
 * that kmap() may not wait meanwhile. ARM first looks whether the page has a pkmap window, and takes that
 * (arch_kmap_local_high_get()). With CONFIG_DEBUG_HIGHMEM a CPU has 33 slots, every second one stays empty, and on x86 low
 * memory is mapped as well (DEBUG_KMAP_LOCAL_FORCE_MAP).
 *
 * Invariant: kmap_local_check(): the slots below the depth map their pages, those above it nothing (or what is stale).
 *
 * Left out: the stack is the CPU's; Linux's belongs to the task, and goes with it from CPU to CPU. An unmapping in the
 * wrong order is refused; Linux warns, once, and takes the latest one away whatever the address was.
 * Follows mm/highmem.c of 6.1, arch/arm/mm/highmem.c of 5.10, include/asm-i386/highmem.h of 2.6.
 */
#include "mm/kernel/highmem.h"

#include "base/text.h"
#include "mm/kernel/fixmap.h"
#include "mm/kernel/layout.h"
#include "mm/machine.h"
#include "mm/page/address.h"

#include <assert.h>
#include <errno.h>

enum { KM_MOST = 33 };

typedef unsigned long long ull;

/* In the heap, one a CPU (task_struct.kmap_ctrl). */
struct kmap_ctrl {
	uint32_t depth;		/* kmap_ctrl.idx: slots taken, guard pages with them */
	uint32_t atomic;	/* kmap_atomic() that have not ended */
	uint32_t page[KM_MOST]; /* pfn + 1, 0: none */
};

static struct kmap_ctrl *ctrl_of(const struct machine *m, unsigned cpu)
{
	struct kmap_ctrl *all = m->highmem.local_at ? machine_at(m, m->highmem.local_at) : NULL;

	assert(cpu < m->nr_cpus);
	return all ? &all[cpu] : NULL;
}

static int need_ctrl(struct machine *m)
{
	if (!m->highmem.local_at)
		m->highmem.local_at = heap_alloc(m, m->nr_cpus * sizeof(struct kmap_ctrl));
	return m->highmem.local_at ? 0 : -m->why.err;
}

static uint32_t depth_of(const struct machine *m, unsigned cpu)
{
	const struct kmap_ctrl *k = ctrl_of(m, cpu);

	return k ? k->depth : 0;
}

unsigned kmap_local_depth(const struct machine *m, unsigned cpu)
{
	return depth_of(m, cpu) / kmap_slot_step(m);
}

unsigned kmap_atomic_depth(const struct machine *m, unsigned cpu)
{
	const struct kmap_ctrl *k = ctrl_of(m, cpu);

	return k ? k->atomic : 0;
}

void kmap_slot(struct machine *m, unsigned cpu, unsigned slot, struct highmem_window *w)
{
	const struct kmap_ctrl *k = ctrl_of(m, cpu);

	assert(slot < kmap_slots_per_cpu(m));
	*w = (struct highmem_window){.kind = HIGHMEM_LOCAL,
		.address = kmap_slot_address(m, cpu, slot),
		.slot = slot,
		.cpu = cpu};
	w->pfn = highmem_mapped_pfn(m, w->address);
	w->count = k && slot < k->depth && k->page[slot];
	w->stale = w->pfn != NO_PFN && !w->count;
}

/* flush_tlb_one_kernel(), local_flush_tlb_kernel_page(): this CPU only. */
static void forget(struct machine *m, unsigned cpu, uint64_t address)
{
	if (m->cpus.at[cpu])
		hw_invlpg(machine_cpu(m, cpu), address);
}

/* ---- mapping ---- */

static bool force_map(const struct machine *m)
{
	return m->arch == ARCH_I386 && machine_has(m, CONFIG_DEBUG_HIGHMEM);
}

static int push(struct machine *m, unsigned cpu, uint64_t pfn, uint64_t *address)
{
	unsigned step = kmap_slot_step(m), slot = depth_of(m, cpu) + step - 1;
	struct kmap_ctrl *k = ctrl_of(m, cpu);

	if (slot + 1 >= kmap_slots_per_cpu(m)) {
		log_printf(m, "kernel BUG at mm/highmem.c: kmap_local_idx_push() on CPU %u", cpu);
		return refuse(&m->why, ENOSPC,
			"CPU %u has %u mappings of this kind, and no slot for one more: the kernel "
			"would die here (BUG); kunmap_local or kunmap_atomic gives the latest back",
			cpu, kmap_local_depth(m, cpu));
	}
	*address = kmap_slot_address(m, cpu, slot);
	assert(m->highmem.stale || highmem_mapped_pfn(m, *address) == NO_PFN);
	int err = highmem_map(m, *address, pfn);

	if (err)
		return err;
	if (m->highmem.stale || m->arch == ARCH_ARM)
		forget(m, cpu, *address);
	k->page[slot] = (uint32_t)pfn + 1;
	k->depth += step;
	return 0;
}

int kmap_local_page(struct machine *m, unsigned cpu, uint64_t pfn, bool atomic, uint64_t *address)
{
	bool direct = !page_is_high(m, pfn) && !force_map(m);
	int err = direct ? 0 : highmem_need_tables(m);

	if (!err && (atomic || !direct))
		err = need_ctrl(m);
	if (err)
		return err;
	*address = direct ? page_address(m, pfn) : 0;
	if (!direct && m->arch == ARCH_ARM && !machine_has(m, CONFIG_DEBUG_HIGHMEM))
		*address = kmap_high_get(m, pfn);
	if (!direct && !*address)
		err = push(m, cpu, pfn, address);
	if (err)
		return err;
	if (atomic)
		ctrl_of(m, cpu)->atomic++;
	clock_charge(m, KMAP_LOCAL);
	return 0;
}

/* ---- unmapping ---- */

static void warn(struct machine *m, unsigned cpu)
{
	log_printf(m, "WARNING: CPU: %u PID: 0 at mm/highmem.c kunmap_local_indexed", cpu);
}

/* The latest mapping's slot, or why @address is not that. */
static int find_latest(
	struct machine *m, unsigned cpu, unsigned of_cpu, unsigned slot, uint64_t address)
{
	const struct kmap_ctrl *k = ctrl_of(m, cpu);
	uint32_t depth = depth_of(m, cpu);

	if (of_cpu == cpu && depth && slot == depth - 1)
		return 0;
	warn(m, cpu);
	if (of_cpu != cpu)
		return refuse(&m->why, EINVAL,
			"0x%llx is a slot of CPU %u: a mapping is for the CPU that made it, and "
			"this is "
			"CPU %u",
			(ull)address, of_cpu, cpu);
	if (!depth)
		return refuse(&m->why, EINVAL,
			"CPU %u has nothing mapped by kmap_local_page or "
			"kmap_atomic",
			cpu);
	if (slot >= depth || !k->page[slot])
		return refuse(&m->why, EINVAL, "0x%llx, slot %u of CPU %u, is not mapped",
			(ull)address, slot, cpu);
	return refuse(&m->why, EINVAL,
		"0x%llx is slot %u, but slot %u (0x%llx) was mapped later: mappings end in the "
		"reverse order of their beginning",
		(ull)address, slot, depth - 1, (ull)kmap_slot_address(m, cpu, depth - 1));
}

static void pop(struct machine *m, unsigned cpu, uint64_t address)
{
	struct kmap_ctrl *k = ctrl_of(m, cpu);

	k->page[k->depth - 1] = 0;
	k->depth -= kmap_slot_step(m);
	if (m->highmem.stale)
		return;
	highmem_unmap(m, address);
	forget(m, cpu, address);
}

/* An address that is no slot: a page of low memory, whose mapping was none; ARM: a window that was there already. */
static int end_other(struct machine *m, unsigned cpu, uint64_t address)
{
	struct highmem_window w;

	if (virt_to_pfn(m, address) != NO_PFN && !force_map(m))
		return 0;
	if (highmem_find(m, address, &w) && w.kind == HIGHMEM_PKMAP) {
		if (m->arch == ARCH_ARM && w.count)
			return kunmap(m, w.pfn);
		return refuse(&m->why, EINVAL,
			"0x%llx is a window of kmap: kunmap PAGE ends that (Linux does nothing "
			"here, "
			"and the window stays in use)",
			(ull)address);
	}
	if (address < page_offset(m) || force_map(m))
		warn(m, cpu);
	return refuse(&m->why, EINVAL,
		"0x%llx is no address that kmap_local_page or kmap_atomic gives", (ull)address);
}

int kunmap_local(struct machine *m, unsigned cpu, uint64_t address, bool atomic)
{
	unsigned of_cpu, slot;
	int err;

	address &= ~(PAGE_BYTES - 1);
	if (atomic && !kmap_atomic_depth(m, cpu))
		return refuse(&m->why, EINVAL,
			"CPU %u is in no kmap_atomic; kunmap_local ends what kmap_local_page began",
			cpu);
	if (kmap_slot_at(m, address, &of_cpu, &slot)) {
		err = find_latest(m, cpu, of_cpu, slot, address);
		if (!err)
			pop(m, cpu, address);
	} else {
		err = end_other(m, cpu, address);
	}
	if (err)
		return err;
	if (atomic)
		ctrl_of(m, cpu)->atomic--;
	clock_charge(m, KMAP_LOCAL);
	return 0;
}

void kmap_set_stale(struct machine *m, bool stale)
{
	struct highmem_window w;

	for (unsigned cpu = 0; m->highmem.stale && !stale && cpu < m->nr_cpus; cpu++)
		for (unsigned slot = 0; slot < kmap_slots_per_cpu(m); slot++) {
			kmap_slot(m, cpu, slot, &w);
			if (!w.stale)
				continue;
			highmem_unmap(m, w.address);
			forget(m, cpu, w.address);
		}
	m->highmem.stale = stale;
}

/* ---- checking ---- */

unsigned kmap_local_check(struct machine *m, struct text *out)
{
	unsigned bad = 0;

	if (!m->highmem.local_at || !kmap_slots_per_cpu(m) || !m->kernel_map.areas)
		return 0;
	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++) {
		const struct kmap_ctrl *k = ctrl_of(m, cpu);

		for (unsigned slot = 0; slot < kmap_slots_per_cpu(m); slot++) {
			bool taken = slot < k->depth && (slot + 1) % kmap_slot_step(m) == 0;
			uint64_t mapped = highmem_mapped_pfn(m, kmap_slot_address(m, cpu, slot));

			if (taken ? k->page[slot] == mapped + 1
				  : !k->page[slot] && (mapped == NO_PFN || m->highmem.stale))
				continue;
			text_printf(out,
				"cpu%u: slot %u of kmap_local_page holds page 0x%llx, and its "
				"entry "
				"maps 0x%llx\n",
				cpu, slot, (ull)k->page[slot] - 1, (ull)mapped);
			bad++;
		}
	}
	return bad;
}
