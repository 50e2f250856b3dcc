/* SPDX-License-Identifier: MIT
 *
 * The system control space of an ARMv7-M CPU: registers that are memory, at 0xe000e000 (Arm DDI 0403 B3.2, B3.5).
 *
 *      store 0xe000ed98 3            RNR: region 3
 *      store 0xe000ed9c 0xc0200000   RBAR: its address
 *      store 0xe000eda0 0x01000021   RASR: 128 KiB, the kernel's alone
 *
 * Only the kernel gets here, by aligned words; anything else is a bus fault. RBAR and RASR are there four times in a
 * row, so that one instruction that stores eight words can set four regions.
 *
 * Left out: all registers that have nothing to do with memory; nothing answers there.
 */
#include "hw/cpu.h"

#include <errno.h>

static const struct {
	uint32_t at;
	enum hw_reg reg;
} registers[] = {
	{0xe000ed28, HW_CFSR},
	{0xe000ed34, HW_MMFAR},
	{0xe000ed38, HW_BFAR},
	{0xe000ed90, HW_MPU_TYPE},
	{0xe000ed94, HW_MPU_CTRL},
	{0xe000ed98, HW_MPU_RNR},
	{0xe000ed9c, HW_MPU_RBAR},
	{0xe000eda0, HW_MPU_RASR},
	{0xe000eda4, HW_MPU_RBAR},
	{0xe000eda8, HW_MPU_RASR},
	{0xe000edac, HW_MPU_RBAR},
	{0xe000edb0, HW_MPU_RASR},
	{0xe000edb4, HW_MPU_RBAR},
	{0xe000edb8, HW_MPU_RASR},
};

int hw_scs_access(struct hw_cpu *cpu, struct hw_access *a)
{
	if (a->bytes != 4 || a->pa % 4)
		return hw_fault_raise(cpu, a, HW_FAULT_PPB_WORD, a->va, 0, 0);
	for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		if (registers[i].at != a->pa)
			continue;
		if (cpu->count_cycles)
			a->cycles += cpu->dcache.desc.miss_cycles;
		if (a->no_data)
			return 0;
		if (a->kind == HW_STORE)
			return hw_reg_write(cpu, registers[i].reg, a->value, NULL);
		a->value = cpu->reg[registers[i].reg];
		return 0;
	}
	return hw_fault_raise(cpu, a, HW_FAULT_NO_RAM, a->va, 0, 0);
}
