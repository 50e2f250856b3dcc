/* SPDX-License-Identifier: MIT
 *
 * The machine's CPUs. What they are made of and the registers with which boot leaves them are kept once; a CPU with
 * its TLBs and cache comes into the heap when it makes its first access, so 256 idle ones cost nothing.
 */
#ifndef SIMM_MM_CPUS_H
#define SIMM_MM_CPUS_H

#include "hw/cpu.h"
#include "hw/stale.h"
#include "mm/page/types.h"

struct machine;
struct cpu_desc;
struct text;

struct cpus {
	struct hw_cpu_desc desc;
	uint64_t reg[NR_HW_REGS];	/* of a CPU that has made no access yet */
	bool zicbom;			/* RISC-V: there are instructions that write lines back and throw them away */
	bool meltdown;			/* speculation in user mode reads what only the kernel may */
	uint64_t at[MAX_CPUS];		/* heap block of struct hw_cpu, 0: none yet */
};

/* What this kind of machine's CPUs are made of: the description's sizes where they make sense, else defaults. */
void cpus_init(struct machine *m, const struct cpu_desc *d);
/* CPU @cpu, made when this is its first use. NULL: the host's budget ends (m->why). */
struct hw_cpu *machine_cpu(struct machine *m, unsigned cpu);
/* The same without making it: NULL when it has made no access. */
const struct hw_cpu *machine_cpu_peek(const struct machine *m, unsigned cpu);
/* Its registers and regime, whether or not it was made. */
const uint64_t *machine_cpu_registers(const struct machine *m, unsigned cpu);
struct hw_regime machine_cpu_regime(const struct machine *m, unsigned cpu);
/* On every CPU that has TLBs: flush_tlb_all(). Returns how many. */
unsigned machine_flush_tlb_all(struct machine *m);
/* One access of CPU @cpu, and its cycles as time. 0, -EFAULT (a->fault), -EDQUOT. */
int machine_access(struct machine *m, unsigned cpu, struct hw_access *a);

/* A CPU and what answers on its bus, for many accesses in a row. Valid until its user returns; no device comes or goes
 * meanwhile. */
struct cpu_view {
	struct machine *m;
	unsigned cpu;
	bool beside_devices;	/* which use the bus now, or bypass the caches */
	struct hw_cpu *hw;
	struct dram dram;
	struct registers registers;
	struct stale stale;
};

/* 0, -EDQUOT (a CPU is made at its first use). */
int cpu_view(struct machine *m, unsigned cpu, struct cpu_view *v);
/* machine_access() through it. */
int cpu_view_access(struct cpu_view *v, struct hw_access *a);

/* Switch translation off, as it is before boot, or on again, in the kernel's own tables. Errors: EINVAL (the kernel has
 * no page tables), EDQUOT. */
int machine_cpu_set_mmu(struct machine *m, unsigned cpu, bool on);
/* Time of @cycles of a CPU: machine_charge_cycles() of mm/machine.h. */
enum { CYCLES_PER_NS = 3 };

unsigned cpus_check(const struct machine *m, struct text *out);

#endif
