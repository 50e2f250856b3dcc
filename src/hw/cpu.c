/* SPDX-License-Identifier: MIT
 *
 * The CPU: making it, its registers, forgetting translations (see cpu.h; accesses are in access.c).
 *
 * On x86 writing a register forgets translations by itself: cr3 those of the address space that are not global
 * (with PCIDs and bit 63 set: none), a change of the switches in cr0, cr4 and efer all of them. Elsewhere the kernel
 * must do it.
 */
#include "hw/cpu.h"

#include <assert.h>
#include <errno.h>

enum { FAMILY_X86 = 1, FAMILY_ARM = 2, FAMILY_ARM64 = 4, FAMILY_RISCV = 8, FAMILY_ARM_M = 16 };

static const struct {
	const char *word, *doc;
	unsigned families;
} registers[NR_HW_REGS] = {
#define HW_REG(id, word, family, doc) {word, doc, FAMILY_##family},
#include "hw/register.def"
};

static unsigned family_bit(enum hw_family family)
{
	static const unsigned bit[NR_HW_FAMILIES] = {[HW_X86_32] = FAMILY_X86,
		[HW_X86_64] = FAMILY_X86,
		[HW_ARM] = FAMILY_ARM,
		[HW_ARM64] = FAMILY_ARM64,
		[HW_RISCV] = FAMILY_RISCV,
		[HW_ARM_M] = FAMILY_ARM_M};

	assert(family < NR_HW_FAMILIES);
	return bit[family];
}

bool hw_reg_exists(enum hw_family family, enum hw_reg reg)
{
	assert(reg < NR_HW_REGS);
	return registers[reg].families & family_bit(family);
}

const char *hw_reg_name(enum hw_reg reg)
{
	assert(reg < NR_HW_REGS);
	return registers[reg].word;
}

const char *hw_reg_doc(enum hw_reg reg)
{
	assert(reg < NR_HW_REGS);
	return registers[reg].doc;
}

const char *hw_reg_bit(enum hw_reg reg, unsigned bit)
{
	static const struct {
		enum hw_reg reg;
		unsigned bit;
		const char *word;
	} rows[] = {
#define HW_REG_BIT(id, at, word) {HW_##id, at, word},
#include "hw/register.def"
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].reg == reg && rows[i].bit == bit)
			return rows[i].word;
	return NULL;
}

struct hw_cpu_desc hw_cpu_default(enum hw_family family)
{
	/* A small core of today: 32 KiB of data cache; TLBs of 64 and 64 entries, 1536 behind them; a
	 * page-walk cache whose lowest entries reach over 64 MiB. */
	struct hw_cpu_desc desc = {
		.family = family,
		.asid_bits = 16,
		.itlb = {16, 4},
		.dtlb = {16, 4},
		.stlb = {128, 12},
		.walk_cache = {{32, 4, 2, 1}},
		.dcache = {.sets = 64,
			.ways = 8,
			.line_shift = 6,
			.hit_cycles = 4,
			.miss_cycles = 200,
			.writeback_cycles = 40},
	};

	switch (family) {
	case HW_X86_32:
		desc.abilities = HW_HAS_PSE | HW_HAS_GLOBAL | HW_HAS_NX | HW_HAS_WP | HW_HAS_SMEP;
		desc.asid_bits = 0;
		desc.pa_bits = 36;
		desc.stlb = (struct tlb_desc){128, 4};
		break;
	case HW_X86_64:
		desc.abilities = HW_HAS_PSE | HW_HAS_GLOBAL | HW_HAS_NX | HW_HAS_WP | HW_HAS_SMEP |
				 HW_HAS_SMAP | HW_HAS_1G | HW_HAS_ASID;
		desc.la57 = true;
		desc.asid_bits = 12;
		desc.pa_bits = 46;
		break;
	case HW_ARM:
		desc.pa_bits = 40;
		desc.asid_bits = 8;
		desc.itlb = desc.dtlb = (struct tlb_desc){1, 32};
		desc.stlb = (struct tlb_desc){128, 4};
		break;
	case HW_ARM_M:
		desc.pa_bits = 32;
		desc.asid_bits = 0;
		desc.mpu_regions = 8;
		desc.itlb = desc.dtlb = desc.stlb = (struct tlb_desc){0, 0};
		desc.walk_cache = (struct walk_cache_desc){{0}};
		desc.dcache = (struct cache_desc){.line_shift = 5, .miss_cycles = 10};
		break;
	default:
		desc.abilities = HW_HAS_AD;
		desc.pa_bits = family == HW_ARM64 ? 48 : 56;
		desc.stlb = (struct tlb_desc){128, 4};
		break;
	}
	return desc;
}

uint64_t hw_cpu_bytes(const struct hw_cpu_desc *desc)
{
	return sizeof(struct hw_cpu) + tlb_bytes(&desc->itlb) + tlb_bytes(&desc->dtlb) +
	       tlb_bytes(&desc->stlb) + walk_cache_bytes(&desc->walk_cache) +
	       cache_bytes(&desc->dcache);
}

void hw_cpu_init(struct hw_cpu *cpu, const struct hw_cpu_desc *desc)
{
	char *base = (char *)cpu;
	uint64_t at = sizeof(*cpu);

	cpu->desc = *desc;
	cpu->count_cycles = true;
	tlb_init(&cpu->itlb, &desc->itlb, (uint32_t)(base + at - (char *)&cpu->itlb));
	at += tlb_bytes(&desc->itlb);
	tlb_init(&cpu->dtlb, &desc->dtlb, (uint32_t)(base + at - (char *)&cpu->dtlb));
	at += tlb_bytes(&desc->dtlb);
	tlb_init(&cpu->stlb, &desc->stlb, (uint32_t)(base + at - (char *)&cpu->stlb));
	at += tlb_bytes(&desc->stlb);
	walk_cache_init(&cpu->walk_cache, &desc->walk_cache,
		(uint32_t)(base + at - (char *)&cpu->walk_cache));
	at += walk_cache_bytes(&desc->walk_cache);
	cache_init(&cpu->dcache, &desc->dcache, (uint32_t)(base + at - (char *)&cpu->dcache));
	at += cache_bytes(&desc->dcache);
	assert(at == hw_cpu_bytes(desc));
	mpu_init(&cpu->mpu, desc->mpu_regions);
	cpu->reg[HW_MPU_TYPE] = mpu_type(&cpu->mpu);
	int err = hw_regime_of(desc, cpu->reg, &cpu->regime, NULL);

	assert(!err && cpu->regime.mode == PAGING_NONE);
	(void)err;
}

/* What an x86 forgets when @reg goes from @before to cpu->reg[reg]. */
static void x86_forget(struct hw_cpu *cpu, enum hw_reg reg, uint64_t before, bool keep)
{
	if (reg == HW_CR3 && !keep)
		hw_flush_asid(cpu, cpu->regime.asid);
	else if ((reg == HW_CR0 || reg == HW_CR4 || reg == HW_EFER) && before != cpu->reg[reg])
		hw_flush_tlb(cpu, false);
}

/* ARMv7-M: nothing is refused. What the MPU has not is lost, and RBAR and RASR always are those of the region in RNR. */
static void arm_m_write(struct hw_cpu *cpu, enum hw_reg reg, uint32_t value)
{
	struct mpu *mpu = &cpu->mpu;

	if (reg == HW_MPU_CTRL)
		mpu_write_ctrl(mpu, value);
	else if (reg == HW_MPU_RNR)
		mpu_write_rnr(mpu, value);
	else if (reg == HW_MPU_RBAR)
		mpu_write_rbar(mpu, value);
	else if (reg == HW_MPU_RASR)
		mpu_write_rasr(mpu, value);
	else if (reg == HW_CFSR)
		cpu->reg[reg] &= ~(uint64_t)value;
	else if (reg != HW_MPU_TYPE)
		cpu->reg[reg] = value;
	cpu->reg[HW_MPU_CTRL] = mpu->ctrl;
	cpu->reg[HW_MPU_RNR] = mpu->rnr;
	cpu->reg[HW_MPU_RBAR] = mpu_read_rbar(mpu);
	cpu->reg[HW_MPU_RASR] = mpu_read_rasr(mpu);
}

int hw_reg_write(struct hw_cpu *cpu, enum hw_reg reg, uint64_t value, struct refusal *why)
{
	bool x86 = family_bit(cpu->desc.family) == FAMILY_X86;
	uint64_t before = cpu->reg[reg];
	struct hw_regime regime;
	bool keep = false;

	if (!hw_reg_exists(cpu->desc.family, reg))
		return refuse(why, EINVAL, "this CPU has no register %s", hw_reg_name(reg));
	if (cpu->desc.family == HW_ARM_M) {
		arm_m_write(cpu, reg, (uint32_t)value);
		return 0;
	}
	if (reg == HW_CR3 && cpu->regime.has & HW_HAS_ASID) {
		keep = value >> 63;
		value &= ~(1ULL << 63);
	}
	cpu->reg[reg] = value;
	/* What the last accesses found may not hold for the next ones. */
	cpu->itlb.changes++;
	cpu->dtlb.changes++;
	/* Written at each entry into the kernel, and nothing else follows from it. */
	if (reg == HW_DACR && cpu->regime.mode != PAGING_NONE) {
		cpu->regime.dacr = (uint32_t)value;
		return 0;
	}
	int err = hw_regime_of(&cpu->desc, cpu->reg, &regime, why);

	if (err) {
		cpu->reg[reg] = before;
		return err;
	}
	cpu->regime = regime;
	if (x86)
		x86_forget(cpu, reg, before, keep);
	return 0;
}

static void charge(struct hw_cpu *cpu, uint32_t cycles)
{
	if (cpu->count_cycles)
		cpu->counters.cycles += cycles;
}

void hw_invlpg(struct hw_cpu *cpu, uint64_t va)
{
	tlb_invalidate_page(&cpu->itlb, va, cpu->regime.asid);
	tlb_invalidate_page(&cpu->dtlb, va, cpu->regime.asid);
	tlb_invalidate_page(&cpu->stlb, va, cpu->regime.asid);
	if (family_bit(cpu->desc.family) == FAMILY_X86)
		walk_cache_flush(&cpu->walk_cache, cpu->regime.asid);
	else
		walk_cache_invalidate_va(&cpu->walk_cache, &cpu->regime, va);
	charge(cpu, HW_CYCLES_INVLPG);
}

static void flush_range_of(struct tlb *t, uint16_t asid, uint64_t start, uint64_t end)
{
	/* Whichever is less work for the host. */
	if ((end - start) >> DRAM_FRAME_SHIFT > t->sets) {
		tlb_invalidate_range(t, start, end, asid);
		return;
	}
	for (uint64_t va = start; va < end; va += DRAM_FRAME_BYTES)
		tlb_invalidate_page(t, va, asid);
}

void hw_flush_range(struct hw_cpu *cpu, uint16_t asid, uint64_t start, uint64_t end)
{
	uint64_t pages = (end - start) >> DRAM_FRAME_SHIFT;

	assert(start <= end && !((start | end) & (DRAM_FRAME_BYTES - 1)));
	flush_range_of(&cpu->itlb, asid, start, end);
	flush_range_of(&cpu->dtlb, asid, start, end);
	flush_range_of(&cpu->stlb, asid, start, end);
	/* As invlpg does; a few entries, so that of other families, which forget less, no more is asked. */
	walk_cache_flush(&cpu->walk_cache, asid);
	if (cpu->count_cycles)
		cpu->counters.cycles += pages * HW_CYCLES_INVLPG;
}

void hw_flush_tlb(struct hw_cpu *cpu, bool keep_global)
{
	tlb_flush(&cpu->itlb, keep_global);
	tlb_flush(&cpu->dtlb, keep_global);
	tlb_flush(&cpu->stlb, keep_global);
	walk_cache_flush(&cpu->walk_cache, -1);
	cpu->counters.flushes++;
	charge(cpu, HW_CYCLES_FLUSH);
}

void hw_flush_asid(struct hw_cpu *cpu, uint16_t asid)
{
	tlb_invalidate_asid(&cpu->itlb, asid);
	tlb_invalidate_asid(&cpu->dtlb, asid);
	tlb_invalidate_asid(&cpu->stlb, asid);
	walk_cache_flush(&cpu->walk_cache, asid);
	cpu->counters.flushes++;
	charge(cpu, HW_CYCLES_FLUSH);
}

/* What is remembered as missing is in neither TLB. */
static const char *missed_check(const struct hw_cpu *cpu)
{
	const struct hw_missed *k = &cpu->missed;
	const struct tlb *first = k->fetch ? &cpu->itlb : &cpu->dtlb;
	uint64_t at = (k->page - 1) << DRAM_FRAME_SHIFT;

	if (!k->page || k->changes != first->changes + cpu->stlb.changes)
		return NULL;
	if (tlb_has(first, at, k->asid) || tlb_has(&cpu->stlb, at, k->asid))
		return "a CPU remembers a page as missing that a TLB has";
	return NULL;
}

const char *hw_cpu_check(const struct hw_cpu *cpu)
{
	const char *wrong = tlb_check(&cpu->itlb);

	if (!wrong)
		wrong = tlb_check(&cpu->dtlb);
	if (!wrong)
		wrong = tlb_check(&cpu->stlb);
	if (!wrong)
		wrong = missed_check(cpu);
	if (!wrong)
		wrong = walk_cache_check(&cpu->walk_cache);
	return wrong ? wrong : mpu_check(&cpu->mpu);
}
