/* SPDX-License-Identifier: MIT
 *
 * The architectures' fault codes (see fault.h).
 *
 * Sources: Intel SDM volume 3, 4.7 (page-fault error code); Arm ARM DDI 0406 B3.13 (FSR encodings,
 * short-descriptor format), DDI 0403 B3.2.15 (CFSR) and DDI 0487 (ESR_EL1: EC, DFSC); RISC-V privileged specification, table
 * of scause.
 */
#include "hw/fault.h"

#include <assert.h>

static const char *const fault_words[NR_HW_FAULTS] = {
#define HW_FAULT(name, class, words) words,
#include "hw/fault.def"
};

const uint8_t hw_fault_classes[NR_HW_FAULTS] = {
#define HW_FAULT(name, class, words) HW_CLASS_##class,
#include "hw/fault.def"
};

const char *hw_fault_words(enum hw_fault fault)
{
	assert(fault < NR_HW_FAULTS);
	return fault_words[fault];
}

enum { X86_GP = 13, X86_PF = 14, X86_MC = 18 };

static unsigned x86_vector(enum hw_fault_class class)
{
	if (class == HW_CLASS_CANONICAL)
		return X86_GP;
	return class == HW_CLASS_TABLE_BUS || class == HW_CLASS_BUS ? X86_MC : X86_PF;
}

static uint64_t x86_code(
	const struct hw_fault_record *f, enum hw_fault_class class, bool nx_or_smep)
{
	if (x86_vector(class) != X86_PF)
		return 0;
	uint64_t code = (f->kind == HW_STORE) * 2 + f->user * 4;

	if (class == HW_CLASS_PERMISSION)
		code |= 1;
	if (class == HW_CLASS_RESERVED || class == HW_CLASS_SIZE)
		code |= 1 | 8;
	if (f->kind == HW_FETCH && nx_or_smep)
		code |= 0x10;
	return code;
}

/* The five status bits; depth 0 is a section, 1 a page. Bit 10 would be the fifth: only external
 * aborts differ. */
static uint64_t arm_code(const struct hw_fault_record *f, enum hw_fault_class class)
{
	uint64_t page = f->depth ? 2 : 0;
	uint64_t domain = (uint64_t)f->domain << 4;
	uint64_t write = f->kind == HW_STORE ? 1 << 11 : 0;

	switch (class) {
	case HW_CLASS_TRANSLATION:
	case HW_CLASS_CANONICAL:
		return (0x5 | page) | (page ? domain : 0) | write;
	case HW_CLASS_FLAG:
		return (f->depth ? 0x6 : 0x3) | domain | write;
	case HW_CLASS_DOMAIN:
		return (0x9 | page) | domain | write;
	case HW_CLASS_PERMISSION:
	case HW_CLASS_RESERVED:
		return (0xd | page) | domain | write;
	case HW_CLASS_TABLE_BUS:
		return (0xc | page) | write;
	default:
		return 0x8 | write;
	}
}

/* ESR_EL1: exception class in 31:26, IL in 25, WnR in 6, status in 5:0 with the level in its low
 * two bits. */
static uint64_t arm64_code(const struct hw_fault_record *f, enum hw_fault_class class)
{
	uint64_t ec = f->kind == HW_FETCH ? (f->user ? 0x20 : 0x21) : (f->user ? 0x24 : 0x25);
	uint64_t esr = ec << 26 | 1u << 25 | (f->kind == HW_STORE ? 1 << 6 : 0);
	uint64_t level = f->depth & 3;

	switch (class) {
	case HW_CLASS_TRANSLATION:
	case HW_CLASS_RESERVED:
		return esr | 0x04 | level;
	case HW_CLASS_CANONICAL:
		return esr | 0x04;
	case HW_CLASS_FLAG:
		return esr | 0x08 | level;
	case HW_CLASS_PERMISSION:
	case HW_CLASS_DOMAIN:
		return esr | 0x0c | level;
	case HW_CLASS_SIZE:
		return esr | level;
	case HW_CLASS_TABLE_BUS:
		return esr | 0x14 | level;
	default:
		return esr | 0x10;
	}
}

enum { ARM_M_MEMMANAGE = 4, ARM_M_BUSFAULT = 5 };

/* CFSR: of the bus BFARVALID and PRECISERR or IBUSERR, else MMARVALID and DACCVIOL or IACCVIOL. */
static uint64_t arm_m_code(const struct hw_fault_record *f, enum hw_fault_class class)
{
	if (class == HW_CLASS_REGION)
		return f->kind == HW_FETCH ? 0x01 : 0x82;
	return f->kind == HW_FETCH ? 0x0100 : 0x8200;
}

static uint64_t riscv_cause(const struct hw_fault_record *f, enum hw_fault_class class)
{
	static const uint8_t page_fault[] = {[HW_LOAD] = 13, [HW_STORE] = 15, [HW_FETCH] = 12};
	static const uint8_t access_fault[] = {[HW_LOAD] = 5, [HW_STORE] = 7, [HW_FETCH] = 1};
	bool bus = class == HW_CLASS_BUS || class == HW_CLASS_TABLE_BUS || class == HW_CLASS_SIZE;

	return bus ? access_fault[f->kind] : page_fault[f->kind];
}

void hw_fault_exception(enum hw_family family, const struct hw_fault_record *f, bool nx_or_smep,
	unsigned *vector, uint64_t *code)
{
	enum hw_fault_class class = hw_fault_class(f->fault);

	assert(class != HW_CLASS_NONE);
	switch (family) {
	case HW_X86_32:
	case HW_X86_64:
		*vector = x86_vector(class);
		*code = x86_code(f, class, nx_or_smep);
		break;
	case HW_ARM:
		*vector = f->kind == HW_FETCH;
		*code = arm_code(f, class);
		break;
	case HW_ARM_M:
		*vector = class == HW_CLASS_REGION ? ARM_M_MEMMANAGE : ARM_M_BUSFAULT;
		*code = arm_m_code(f, class);
		break;
	case HW_ARM64:
		*code = arm64_code(f, class);
		*vector = (unsigned)(*code >> 26);
		break;
	default:
		*code = riscv_cause(f, class);
		*vector = (unsigned)*code;
		break;
	}
}
