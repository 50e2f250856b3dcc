/* SPDX-License-Identifier: MIT
 *
 * From registers to a regime: which mode, which table, which switches (Intel SDM volume 3, 4.1; Arm ARM DDI 0406 B3.5
 * and DDI 0487 D8; RISC-V privileged specification 4.1).
 *
 * Left out: x86's PAE with LMA off but LME on, segment limits; ARM's TTBR1 (TTBCR.N is 0) and long descriptors;
 * AArch64's sizes other than T0SZ = T1SZ = 16 and granules other than 4 KiB; Sv48 and Sv57.
 */
#include "hw/cpu.h"

#include <assert.h>
#include <errno.h>

/* clang-format off */
enum { CR0_PE = 1, CR0_WP = 1 << 16 };
#define CR0_PG (1ULL << 31)
enum { CR4_PSE = 1 << 4, CR4_PAE = 1 << 5, CR4_PGE = 1 << 7, CR4_LA57 = 1 << 12, CR4_PCIDE = 1 << 17,
	CR4_SMEP = 1 << 20, CR4_SMAP = 1 << 21 };
enum { EFER_LME = 1 << 8, EFER_NXE = 1 << 11 };

static const struct { uint64_t bit; uint32_t has; const char *word; } cr4_bits[] = {
	{CR4_PSE, HW_HAS_PSE, "PSE"}, {CR4_PGE, HW_HAS_GLOBAL, "PGE"}, {CR4_PCIDE, HW_HAS_ASID, "PCIDE"},
	{CR4_SMEP, HW_HAS_SMEP, "SMEP"}, {CR4_SMAP, HW_HAS_SMAP, "SMAP"},
};
/* clang-format on */

static int x86_switches(const struct hw_cpu_desc *desc, const uint64_t *reg, struct hw_regime *r,
	struct refusal *why)
{
	for (unsigned i = 0; i < sizeof(cr4_bits) / sizeof(cr4_bits[0]); i++) {
		if (!(reg[HW_CR4] & cr4_bits[i].bit))
			continue;
		if (!(desc->abilities & cr4_bits[i].has))
			return refuse(why, EINVAL, "this CPU has no %s: bit %d of cr4 must be 0",
				cr4_bits[i].word, __builtin_ctzll(cr4_bits[i].bit));
		r->has |= cr4_bits[i].has;
	}
	if (reg[HW_EFER] & EFER_NXE) {
		if (!(desc->abilities & HW_HAS_NX))
			return refuse(why, EINVAL,
				"this CPU has no no-execute bit: bit 11 of efer must be 0");
		r->has |= HW_HAS_NX;
	}
	if (reg[HW_CR0] & CR0_WP)
		r->has |= HW_HAS_WP;
	r->has |= desc->abilities & HW_HAS_1G;
	return 0;
}

static int x86_regime(const struct hw_cpu_desc *desc, const uint64_t *reg, struct hw_regime *r,
	struct refusal *why)
{
	int err = x86_switches(desc, reg, r, why);

	if (err)
		return err;
	if (reg[HW_CR0] & CR0_PG && !(reg[HW_CR0] & CR0_PE))
		return refuse(why, EINVAL, "paging needs protected mode: set PE with PG in cr0");
	if (reg[HW_EFER] & EFER_LME && desc->family != HW_X86_64)
		return refuse(why, EINVAL, "this CPU has no long mode: bit 8 of efer must be 0");
	if (reg[HW_CR4] & CR4_LA57 && !desc->la57)
		return refuse(
			why, EINVAL, "this CPU has no five-level paging: bit 12 of cr4 must be 0");
	if (!(reg[HW_CR0] & CR0_PG))
		return 0;
	if (reg[HW_EFER] & EFER_LME) {
		if (!(reg[HW_CR4] & CR4_PAE))
			return refuse(why, EINVAL, "long mode needs PAE: set bit 5 of cr4 first");
		r->mode = reg[HW_CR4] & CR4_LA57 ? PAGING_X86_64_LA57 : PAGING_X86_64;
		r->root[0] = reg[HW_CR3] & 0x000ffffffffff000;
		r->asid = r->has & HW_HAS_ASID ? reg[HW_CR3] & 0xfff : 0;
	} else if (reg[HW_CR4] & CR4_PAE) {
		r->mode = PAGING_X86_PAE;
		r->root[0] = reg[HW_CR3] & 0xffffffe0;
	} else {
		r->mode = PAGING_X86_32;
		r->root[0] = reg[HW_CR3] & 0xfffff000;
		r->has &= ~(uint32_t)HW_HAS_NX;
	}
	return 0;
}

static int arm_regime(const uint64_t *reg, struct hw_regime *r)
{
	r->has = HW_HAS_WP | HW_HAS_GLOBAL | HW_HAS_ASID | HW_HAS_DOMAINS;
	if (!(reg[HW_SCTLR] & 1))
		return 0;
	r->mode = PAGING_ARM_SHORT;
	r->root[0] = reg[HW_TTBR0] & 0xffffc000;
	r->dacr = (uint32_t)reg[HW_DACR];
	r->asid = reg[HW_CONTEXTIDR] & 0xff;
	return 0;
}

static int arm64_regime(const struct hw_cpu_desc *desc, const uint64_t *reg, struct hw_regime *r)
{
	r->has = HW_HAS_WP | HW_HAS_GLOBAL | HW_HAS_ASID;
	if (reg[HW_PAN] >> 22 & 1)
		r->has |= HW_HAS_SMAP;
	if (reg[HW_TCR_EL1] >> 39 & 1)
		r->has |= desc->abilities & HW_HAS_AD;
	if (!(reg[HW_SCTLR_EL1] & 1))
		return 0;
	r->mode = PAGING_ARM64_4K;
	r->root[0] = reg[HW_TTBR0_EL1] & 0x0000fffffffff000;
	r->root[1] = reg[HW_TTBR1_EL1] & 0x0000fffffffff000;
	r->two_roots = true;
	r->asid = (uint16_t)(reg[HW_TTBR0_EL1] >> 48);
	return 0;
}

static int riscv_regime(const struct hw_cpu_desc *desc, const uint64_t *reg, struct hw_regime *r,
	struct refusal *why)
{
	r->has = HW_HAS_WP | HW_HAS_GLOBAL | HW_HAS_ASID;
	if (!(reg[HW_SSTATUS] >> 18 & 1))
		r->has |= HW_HAS_SMAP;
	if (reg[HW_SSTATUS] >> 19 & 1)
		r->has |= HW_HAS_MXR;
	if (reg[HW_MENVCFG] >> 61 & 1)
		r->has |= desc->abilities & HW_HAS_AD;
	if (reg[HW_MENVCFG] >> 62 & 1)
		r->has |= desc->abilities & HW_HAS_PBMT;
	switch (reg[HW_SATP] >> 60) {
	case 0:
		return 0;
	case 8:
		r->mode = PAGING_SV39;
		r->root[0] = (reg[HW_SATP] & 0xfffffffffff) << 12;
		r->asid = (uint16_t)(reg[HW_SATP] >> 44);
		return 0;
	default:
		return refuse(why, EINVAL, "satp's mode %llu is not known here: 0 is none, 8 Sv39",
			(unsigned long long)(reg[HW_SATP] >> 60));
	}
}

static int regime_of(const struct hw_cpu_desc *desc, const uint64_t *reg, struct hw_regime *r,
	struct refusal *why)
{
	*r = (struct hw_regime){.mode = PAGING_NONE, .pa_bits = desc->pa_bits};
	switch (desc->family) {
	case HW_X86_32:
	case HW_X86_64:
		return x86_regime(desc, reg, r, why);
	case HW_ARM:
		return arm_regime(reg, r);
	case HW_ARM_M:
		r->has = HW_HAS_WP;
		return 0;
	case HW_ARM64:
		return arm64_regime(desc, reg, r);
	default:
		return riscv_regime(desc, reg, r, why);
	}
}

/* A CPU whose TLBs carry fewer bits of the number, or none, does not see the others. */
static void cut_asid(const struct hw_cpu_desc *desc, struct hw_regime *r)
{
	assert(desc->asid_bits <= 16);
	r->asid &= (uint16_t)((1u << desc->asid_bits) - 1);
	if (!desc->asid_bits)
		r->has &= ~(uint32_t)HW_HAS_ASID;
}

int hw_regime_of(const struct hw_cpu_desc *desc, const uint64_t *reg, struct hw_regime *r,
	struct refusal *why)
{
	int err = regime_of(desc, reg, r, why);

	if (!err)
		cut_asid(desc, r);
	return err;
}
