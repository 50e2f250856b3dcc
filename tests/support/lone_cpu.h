/* SPDX-License-Identifier: MIT
 *
 * A CPU without a machine around it, for tests of the hardware layer. To be freed.
 */
#ifndef TESTS_SUPPORT_LONE_CPU_H
#define TESTS_SUPPORT_LONE_CPU_H

#include "hw/cpu.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static inline struct hw_cpu *lone_cpu(const struct hw_cpu_desc *desc)
{
	struct hw_cpu *cpu = calloc(1, hw_cpu_bytes(desc));

	hw_cpu_init(cpu, desc);
	return cpu;
}

/* Write a register; fails the test when the CPU refuses. */
static inline void set_reg(struct hw_cpu *cpu, enum hw_reg reg, uint64_t value)
{
	struct refusal why = {0};

	cr_assert_eq(hw_reg_write(cpu, reg, value, &why), 0, "%s", why.sentence);
}

#endif
