/* SPDX-License-Identifier: MIT
 *
 * The machine's CPUs (see cpus.h): one layer of glue between the hardware, which knows no machine, and the machine.
 *
 * Left out: CPUs of different kinds in one machine.
 */
#include "mm/kernel/cpus.h"

#include "base/text.h"
#include "mm/dma/coherence.h"
#include "mm/dma/engine.h"
#include "mm/kernel/kernel_pte.h"
#include "mm/machine.h"
#include "mm/page/contents.h"
#include "mm/process/tlb_flush.h"

#include <assert.h>
#include <errno.h>

static enum hw_family family_of(const struct machine *m)
{
	switch (m->arch) {
	case ARCH_I386:
		return HW_X86_32;
	case ARCH_X86_64:
		return HW_X86_64;
	case ARCH_ARM:
		return machine_has(m, CONFIG_MMU) ? HW_ARM : HW_ARM_M;
	case ARCH_ARM64:
		return HW_ARM64;
	case ARCH_RISCV64:
	case NR_ARCHS:
		break;
	}
	return HW_RISCV;
}

static bool power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

/* Entries and sets as a devicetree has them; without sets any entry can hold any page. */
static void set_tlb(struct tlb_desc *t, uint32_t entries, uint32_t sets)
{
	enum { MOST_ENTRIES = 16384, MOST_WAYS = 128 };

	sets = sets ? sets : 1;
	if (!entries || entries > MOST_ENTRIES || !power_of_two(sets) || entries % sets ||
		entries / sets > MOST_WAYS)
		return;
	*t = (struct tlb_desc){sets, entries / sets};
}

static void set_cache(struct cache_desc *c, uint32_t bytes, uint32_t sets, uint32_t line_bytes)
{
	enum { MOST_BYTES = 4 << 20, MOST_WAYS = 64 };

	if (!power_of_two(sets) || !power_of_two(line_bytes) || line_bytes < 4 ||
		line_bytes > PAGE_BYTES || sets > MOST_BYTES || bytes > MOST_BYTES)
		return;
	uint64_t way_bytes = (uint64_t)sets * line_bytes;

	if (bytes < way_bytes || bytes % way_bytes || bytes / way_bytes > MOST_WAYS)
		return;
	c->sets = sets;
	c->ways = (uint32_t)(bytes / way_bytes);
	c->line_shift = (uint32_t)__builtin_ctz(line_bytes);
}

static void set_walk_cache(struct walk_cache_desc *w, const struct cpu_desc *d)
{
	struct walk_cache_desc given;

	memcpy(given.entries, d->walk_cache_entries, sizeof(given.entries));
	if (d->walk_cache_given && walk_cache_desc_ok(&given))
		*w = given;
}

/* More bits than the architecture's registers have make no sense. */
static void set_asid_bits(struct hw_cpu_desc *desc, const struct cpu_desc *d)
{
	if (!d->asid_given || d->asid_bits > desc->asid_bits)
		return;
	desc->asid_bits = (uint8_t)d->asid_bits;
	if (!desc->asid_bits)
		desc->abilities &= ~(uint32_t)HW_HAS_ASID;
}

void cpus_init(struct machine *m, const struct cpu_desc *d)
{
	struct hw_cpu_desc *desc = &m->cpus.desc;

	*desc = hw_cpu_default(family_of(m));
	/* The processors that a kernel without PAE was made for have no NX. */
	if (m->arch == ARCH_I386 && !machine_has(m, CONFIG_X86_PAE))
		desc->abilities &= ~(uint32_t)HW_HAS_NX;
	desc->la57 = d->la57;
	if (desc->family == HW_ARM_M && d->mpu_given && d->mpu_regions <= MPU_MAX_REGIONS)
		desc->mpu_regions = (uint8_t)d->mpu_regions;
	m->cpus.reg[HW_MPU_TYPE] = (uint64_t)desc->mpu_regions << 8;
	if (desc->family == HW_RISCV && d->svpbmt) {
		/* The firmware lets the kernel use it. */
		desc->abilities |= HW_HAS_PBMT;
		m->cpus.reg[HW_MENVCFG] |= (uint64_t)1 << 62;
	}
	m->cpus.zicbom = d->zicbom;
	set_asid_bits(desc, d);
	set_walk_cache(&desc->walk_cache, d);
	m->cpus.meltdown = d->meltdown;
	set_tlb(&desc->itlb, d->itlb_entries, d->itlb_sets);
	set_tlb(&desc->dtlb, d->dtlb_entries, d->dtlb_sets);
	set_tlb(&desc->stlb, d->stlb_entries, d->stlb_sets);
	set_cache(&desc->dcache, d->dcache_bytes, d->dcache_sets, d->dcache_line_bytes);
}

struct hw_cpu *machine_cpu(struct machine *m, unsigned cpu)
{
	struct hw_cpu *c;

	assert(cpu < m->nr_cpus && cpu < MAX_CPUS);
	if (m->cpus.at[cpu])
		return machine_at(m, m->cpus.at[cpu]);
	uint64_t at = heap_alloc(m, hw_cpu_bytes(&m->cpus.desc));

	if (!at)
		return NULL;
	c = machine_at(m, at);
	hw_cpu_init(c, &m->cpus.desc);
	c->node = m->cpu_node[cpu];
	memcpy(c->reg, m->cpus.reg, sizeof(c->reg));
	c->regime = machine_cpu_regime(m, cpu);
	m->cpus.at[cpu] = at;
	return c;
}

const struct hw_cpu *machine_cpu_peek(const struct machine *m, unsigned cpu)
{
	assert(cpu < MAX_CPUS);
	return m->cpus.at[cpu] ? machine_at(m, m->cpus.at[cpu]) : NULL;
}

const uint64_t *machine_cpu_registers(const struct machine *m, unsigned cpu)
{
	const struct hw_cpu *c = machine_cpu_peek(m, cpu);

	return c ? c->reg : m->cpus.reg;
}

struct hw_regime machine_cpu_regime(const struct machine *m, unsigned cpu)
{
	struct hw_regime r;
	int err = hw_regime_of(&m->cpus.desc, machine_cpu_registers(m, cpu), &r, NULL);

	assert(!err);
	(void)err;
	return r;
}

unsigned machine_flush_tlb_all(struct machine *m)
{
	unsigned n = 0;

	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++) {
		if (!m->cpus.at[cpu])
			continue;
		hw_flush_tlb(machine_at(m, m->cpus.at[cpu]), false);
		n++;
	}
	return n;
}

int cpu_view(struct machine *m, unsigned cpu, struct cpu_view *v)
{
	assert(cpu < m->nr_cpus);
	v->m = m;
	v->cpu = cpu;
	v->hw = __builtin_expect(m->cpus.at[cpu] != 0, 1) ? machine_at(m, m->cpus.at[cpu])
							  : machine_cpu(m, cpu);
	if (!v->hw)
		return -m->why.err;
	machine_dram_view(m, &v->dram);
	if (m->devices.nr) {
		v->registers = (struct registers){device_registers_access, m, cpu};
		v->dram.registers = &v->registers;
	}
	if (__builtin_expect(m->devices.stale.at != 0, 0))
		v->dram.stale = machine_stale(m, &v->stale);
	v->beside_devices = v->dram.stale || m->devices.nr_busy;
	return 0;
}

/* The kernel's own access faulted: its part of a process's tables may be older than its own, then it is made again. */
static __attribute__((noinline)) int kernel_faulted(struct cpu_view *v, struct hw_access *a)
{
	uint32_t cycles = a->cycles;

	if (!vmalloc_fault(v->m, v->cpu, a->fault.va))
		return -EFAULT;
	int err = hw_access(v->hw, &v->dram, a, &v->m->why);

	a->cycles += cycles;
	return err;
}

/* In the address space that the CPU has now, with the registers of the access's mode. */
static inline int access(struct cpu_view *v, struct hw_access *a)
{
	if (a->user)
		switch_mm(v->m, v->cpu, current_mm(v->m, v->cpu));
	else
		enter_kernel(v->m, v->cpu);
	int err = hw_access(v->hw, &v->dram, a, &v->m->why);

	if (err != -EFAULT)
		return err;
	if (!a->user)
		return kernel_faulted(v, a);
	/* The exception enters the kernel. */
	enter_kernel(v->m, v->cpu);
	return err;
}

/* Other devices use the bus, or bypass the caches: what the CPU missed in its cache it had to wait for, and a load may have
 * read what a device has overwritten. */
static __attribute__((noinline)) int access_beside_devices(struct cpu_view *v, struct hw_access *a)
{
	struct machine *m = v->m;
	struct cache *c = &v->hw->dcache;
	uint64_t before = c->misses + c->writebacks, old_loads = m->devices.stale.old_loads;
	int err = access(v, a);

	if (m->devices.stale.old_loads != old_loads)
		dma_unsynced_load(m, v->cpu);
	machine_charge_cycles(m, a->cycles);
	uint64_t missed = c->misses + c->writebacks - before;

	if (m->devices.nr_busy && missed)
		clock_charge_ns(m, bus_cpu_wait(m, v->cpu, missed, 1u << c->desc.line_shift));
	return err;
}

int cpu_view_access(struct cpu_view *v, struct hw_access *a)
{
	if (__builtin_expect(v->beside_devices, 0))
		return access_beside_devices(v, a);
	int err = access(v, a);

	machine_charge_cycles(v->m, a->cycles);
	return err;
}

int machine_access(struct machine *m, unsigned cpu, struct hw_access *a)
{
	struct cpu_view v;
	int err = cpu_view(m, cpu, &v);

	return err ? err : cpu_view_access(&v, a);
}

int machine_cpu_set_mmu(struct machine *m, unsigned cpu, bool on)
{
	/* The register that has the switch, and what it has for "on". */
	static const struct {
		enum hw_reg reg;
		uint64_t on;
	} row[NR_HW_FAMILIES] = {[HW_X86_32] = {HW_CR0, (uint64_t)1 << 31},
		[HW_X86_64] = {HW_CR0, (uint64_t)1 << 31},
		[HW_ARM] = {HW_SCTLR, 1},
		[HW_ARM64] = {HW_SCTLR_EL1, 1},
		[HW_RISCV] = {HW_SATP, UINT64_MAX}};
	enum hw_reg reg = row[m->cpus.desc.family].reg;
	uint64_t mask = row[m->cpus.desc.family].on;

	if (!m->kernel_map.root)
		return refuse(&m->why, EINVAL,
			"this machine's kernel has no page tables: its MMU is off and stays off");
	int err = switch_mm(m, cpu, NULL);

	if (err)
		return err;
	struct hw_cpu *c = machine_cpu(m, cpu);
	uint64_t value = (c->reg[reg] & ~mask) | (on ? m->cpus.reg[reg] & mask : 0);

	err = hw_reg_write(c, reg, value, &m->why);
	/* Nothing that was translated before holds. */
	hw_flush_tlb(c, false);
	return err;
}

unsigned cpus_check(const struct machine *m, struct text *out)
{
	unsigned bad = 0;

	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++) {
		const struct hw_cpu *c = machine_cpu_peek(m, cpu);
		const char *wrong = c ? hw_cpu_check(c) : NULL;

		if (!wrong)
			continue;
		text_printf(out, "cpu%u: %s\n", cpu, wrong);
		bad++;
	}
	return bad;
}
