/* SPDX-License-Identifier: MIT
 *
 * Faults: why an access cannot be made, and the code with which the architecture tells its kernel.
 *
 * The hardware returns a record of the fault; the caller, who is the kernel's exception entry, decides what to do and
 * makes the access again. So nothing here points to the kernel, and nothing of it is state.
 */
#ifndef SIMM_HW_FAULT_H
#define SIMM_HW_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum hw_fault {
#define HW_FAULT(name, class, words) HW_FAULT_##name,
#include "hw/fault.def"
	NR_HW_FAULTS
};

enum hw_fault_class {
	HW_CLASS_NONE,
	HW_CLASS_TRANSLATION,
	HW_CLASS_PERMISSION,
	HW_CLASS_RESERVED,
	HW_CLASS_FLAG,
	HW_CLASS_DOMAIN,
	HW_CLASS_CANONICAL,
	HW_CLASS_SIZE,
	HW_CLASS_BUS,
	HW_CLASS_TABLE_BUS,
	HW_CLASS_REGION,
};

/* The order matters: HW_UR << kind and HW_PR << kind are the permissions that the access needs. */
enum hw_kind { HW_LOAD, HW_STORE, HW_FETCH };

enum hw_family { HW_X86_32, HW_X86_64, HW_ARM, HW_ARM64, HW_RISCV, HW_ARM_M, NR_HW_FAMILIES };

struct hw_fault_record {
	enum hw_fault fault;
	enum hw_kind kind;
	bool user;
	uint8_t depth;		/* of the entry that stopped it, 0 is the root */
	uint8_t domain;		/* ARM */
	uint8_t region;		/* ARMv7-M: the MPU's region, or MPU_REGION_* */
	uint64_t va;		/* the byte that faulted */
};

/* "the page is read-only" */
const char *hw_fault_words(enum hw_fault fault);
extern const uint8_t hw_fault_classes[NR_HW_FAULTS];
static inline enum hw_fault_class hw_fault_class(enum hw_fault fault)
{
	return (enum hw_fault_class)hw_fault_classes[fault];
}

/* Which exception, and what the CPU tells about it. *@vector: x86's (13, 14), the ESR's exception class on AArch64, scause on
 * RISC-V, 0 data and 1 prefetch abort on ARM, 4 MemManage and 5 BusFault on ARMv7-M. *@code: x86's error code on the stack
 * (@nx_or_smep: the I/D bit exists), ARM's DFSR or IFSR, AArch64's ESR, RISC-V's scause, what the fault sets in ARMv7-M's CFSR. */
void hw_fault_exception(enum hw_family family, const struct hw_fault_record *f, bool nx_or_smep, unsigned *vector,
	uint64_t *code);

#endif
