/* SPDX-License-Identifier: MIT
 *
 * The architectures that there are. What differs between their kernels at boot is in mm/boot/arch.h.
 */
#ifndef SIMM_MM_CORE_ARCH_H
#define SIMM_MM_CORE_ARCH_H

#include <stdbool.h>

enum arch { ARCH_I386, ARCH_X86_64, ARCH_ARM, ARCH_ARM64, ARCH_RISCV64, NR_ARCHS };

static inline bool arch_is_x86(enum arch arch)
{
	return arch == ARCH_I386 || arch == ARCH_X86_64;
}

static inline bool arch_is_64bit(enum arch arch)
{
	return arch != ARCH_I386 && arch != ARCH_ARM;
}

#endif
