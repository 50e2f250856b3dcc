/* SPDX-License-Identifier: MIT
 *
 * Bare accesses of a CPU: load, store, fetch, and forgetting translations.
 *
 *	load c0012345 1        ──> machine_access()  ──> 0x2a cycles=212 tlb=miss
 *
 * They are made by the CPU's own rules, through its TLBs and the tables that its registers name, with the kernel's
 * privilege unless `user` is said. An access that the hardware refuses is EFAULT: nobody handles the fault yet. The
 * log then has the line with which the architecture's kernel would die (arch/<arch>/mm/fault.c of 6.1).
 */
#include "view/calls_process.h"

#include "base/parse.h"
#include "mm/kernel/cpus.h"

#include <errno.h>

typedef unsigned long long ull;

static const char *kind_word(enum hw_kind kind)
{
	return kind == HW_STORE ? "write" : kind == HW_FETCH ? "instruction fetch" : "read";
}

/* What the kernel says of a fault of its own. */
static void log_fault(struct machine *m, const struct hw_access *a)
{
	bool x86 = m->arch == ARCH_I386 || m->arch == ARCH_X86_64;
	int digits = m->arch == ARCH_I386 || m->arch == ARCH_ARM ? 8 : 16;

	/* A Cortex-M's kernel has no handler: whoever faulted, that is the end of everything. */
	if (!machine_has(m, CONFIG_MMU)) {
		log_printf(m, "Unhandled exception: IPSR = %08x LR = %s", a->vector,
			a->user ? "fffffffd" : "fffffff1");
		return;
	}
	if (a->user)
		return;
	if (!x86) {
		log_printf(m, "Unable to handle kernel %s at virtual address %0*llx",
			a->fault.va < PAGE_BYTES ? "NULL pointer dereference" : "paging request",
			digits, (ull)a->fault.va);
		return;
	}
	if (a->vector == 13) {
		log_printf(
			m, "general protection fault, maybe for address 0x%llx", (ull)a->fault.va);
		return;
	}
	log_printf(m,
		a->fault.va < PAGE_BYTES ? "BUG: kernel NULL pointer dereference, address: %0*llx"
					 : "BUG: unable to handle page fault for address: %0*llx",
		digits, (ull)a->fault.va);
	log_printf(m, "#PF: supervisor %s access in kernel mode", kind_word(a->fault.kind));
	log_printf(m, "#PF: error_code(0x%04llx) - %s", (ull)a->code,
		!(a->code & 1) ? "not-present page"
		: a->code & 8  ? "reserved bit violation"
			       : "permissions violation");
}

/* "region 3", or where else the MPU found the address. */
static void put_region(struct text *out, const struct hw_access *a)
{
	if (a->region == MPU_REGION_DEFAULT)
		text_puts(out, "default");
	else if (a->region == MPU_REGION_NONE)
		text_puts(out, "none");
	else
		text_printf(out, "%u", a->region);
}

static int refuse_region(struct call *c, const struct hw_access *a)
{
	struct text region;

	log_fault(c->m, a);
	text_init(&region);
	put_region(&region, a);
	refuse_at(&c->m->why, EFAULT, c->arg[0].column, (uint32_t)c->arg[0].len,
		"%s of 0x%llx in %s mode faults (region %s, %s, cfsr 0x%llx): %s",
		kind_word(a->fault.kind), (ull)a->fault.va, a->user ? "user" : "kernel",
		text_str(&region), a->vector == 4 ? "MemManage" : "BusFault", (ull)a->code,
		hw_fault_words(a->fault.fault));
	text_finish(&region);
	return -EFAULT;
}

static int refuse_fault(struct call *c, const struct hw_access *a)
{
	if (!machine_has(c->m, CONFIG_MMU))
		return refuse_region(c, a);
	const struct paging_mode *mode = &paging_modes[machine_cpu_regime(c->m, c->cpu).mode];
	const char *level = mode->nr_levels ? mode->level[a->fault.depth].name : "no table";

	log_fault(c->m, a);
	return refuse_at(&c->m->why, EFAULT, c->arg[0].column, (uint32_t)c->arg[0].len,
		"%s of 0x%llx in %s mode faults (%s, code 0x%llx): %s", kind_word(a->fault.kind),
		(ull)a->fault.va, a->user ? "user" : "kernel", level, (ull)a->code,
		hw_fault_words(a->fault.fault));
}

static int one_access(struct call *c, enum hw_kind kind, uint64_t value,
	const struct call_value *size, const struct call_value *mode)
{
	static const char *const tlb[] = {[HW_TLB_OFF] = "off",
		[HW_TLB_HIT] = "hit",
		[HW_TLB_HIT2] = "second",
		[HW_TLB_MISS] = "miss"};
	struct hw_access a = {.va = c->arg[0].number, .value = value, .kind = (uint8_t)kind};

	if (size->number != 1 && size->number != 2 && size->number != 4 && size->number != 8)
		return refuse_at(&c->m->why, EINVAL, size->column, (uint32_t)size->len,
			"an access has 1, 2, 4 or 8 bytes");
	a.bytes = (uint8_t)size->number;
	if (c->task) {
		if (mode->given && !parse_is(mode->word, mode->len, "user"))
			return refuse_at(&c->m->why, EINVAL, mode->column, (uint32_t)mode->len,
				"a process accesses its memory in user mode");
		return call_task_access(c, kind, value, a.bytes);
	}
	if (mode->word && parse_is(mode->word, mode->len, "user"))
		a.user = true;
	else if (mode->word && !parse_is(mode->word, mode->len, "kernel"))
		return refuse_at(&c->m->why, EINVAL, mode->column, (uint32_t)mode->len,
			"an access is made in `kernel` or in `user` mode");
	int err = machine_access(c->m, c->cpu, &a);

	if (err == -EFAULT)
		return refuse_fault(c, &a);
	if (err)
		return err;
	text_printf(c->result, "0x%llx cycles=%u",
		(ull)(a.value & (UINT64_MAX >> (64 - 8 * a.bytes))), a.cycles);
	if (machine_has(c->m, CONFIG_MMU)) {
		text_printf(c->result, " tlb=%s", tlb[a.tlb]);
	} else {
		text_puts(c->result, " region=");
		put_region(c->result, &a);
	}
	c->made = (struct var){
		.kind = VAR_NUMBER, .value = a.value & (UINT64_MAX >> (64 - 8 * a.bytes))};
	return 0;
}

int call_load(struct call *c)
{
	return one_access(c, HW_LOAD, 0, &c->arg[1], &c->arg[2]);
}

int call_store(struct call *c)
{
	return one_access(c, HW_STORE, c->arg[1].number, &c->arg[2], &c->arg[3]);
}

int call_fetch(struct call *c)
{
	return one_access(c, HW_FETCH, 0, &c->arg[1], &c->arg[2]);
}

int call_invlpg(struct call *c)
{
	struct hw_cpu *cpu = machine_cpu(c->m, c->cpu);

	if (!cpu)
		return -c->m->why.err;
	hw_invlpg(cpu, c->arg[0].number);
	return 0;
}

int call_flush_tlb_all(struct call *c)
{
	text_printf(c->result, "%u", machine_flush_tlb_all(c->m));
	return 0;
}
