/* SPDX-License-Identifier: MIT
 *
 * The architectures' kernels in numbers.
 *
 * How much RAM a kernel keeps for itself decides `managed` and with it every watermark. So the
 * image's sizes, the pieces of it that are given back after boot, and the per-CPU areas are those
 * of Debian 12's kernels, read from the logs and from /proc/iomem of running ones (amd64, i386,
 * armhf, arm64). What the logs do not name one by one (firmware tables, the log buffer, sections'
 * tables ...) is one number, `other_pages`: the remainder that those machines showed. No 686-pae
 * and no riscv64 was at hand: the first takes the sizes of the
 * 686 kernel, the second those of arm64's, as an estimate. Debian has no kernel without an MMU: the numbers are those
 * that STM32F4 boards with kernels 5.9 and 5.15 printed, with code and constants in flash (XIP).
 *
 * The image lies where it lies without KASLR, so that the same description gives the same machine.
 *
 * Left out: page sizes other than 4 KiB, LPAE on ARM.
 */
#include "mm/boot/arch.h"

#include <assert.h>

#define MIB(n) ((uint32_t)(n) << 20)

#define X86_32_IMAGE                                                                               \
	.image_bytes = 0xee6000, .image_align = MIB(4), .image_offset = MIB(16),                   \
	.show = {{0, 0x91bc80, "Kernel code"}, {0x91c000, 0xc39000, "Kernel rodata"},              \
		{0xc39000, 0xd70bc0, "Kernel data"}, {0xe72000, 0xee6000, "Kernel bss"}},          \
	.late = {{0xe6a000, 0xe72000, "SMP alternatives memory"},                                  \
		{0xd86000, 0xe6a000, "unused kernel image (initmem) memory"}},                     \
	.code_kib = 9327, .rwdata_kib = 1246, .rodata_kib = 3188, .init_kib = 912, .bss_kib = 464, \
	.percpu_pages = 33, .percpu_static = 103316, .percpu_reserved = 0,                         \
	.percpu_dynamic = 31852, .percpu_unit = 135168, .other_pages = 9

static const struct arch_facts i386_facts = {
	.name = "i686",
	.kernel = "6.1.0-50-686",
	.nr_orders = 11,
	.pageblock_order = 10,
	.struct_page_bytes = 40,
	.section_shift = 26,
	.hash_entry_bytes = 4,
	.nr_cpus_max = 32,
	X86_32_IMAGE,
};

static const struct arch_facts i386_pae_facts = {
	.name = "i686",
	.kernel = "6.1.0-50-686-pae",
	.nr_orders = 11,
	.pageblock_order = 9,
	.struct_page_bytes = 40,
	.section_shift = 29,
	.hash_entry_bytes = 4,
	.nr_cpus_max = 32,
	X86_32_IMAGE,
};

static const struct arch_facts x86_64_facts = {
	.name = "x86_64",
	.kernel = "6.1.0-50-amd64",
	.nr_orders = 11,
	.pageblock_order = 9,
	.struct_page_bytes = 64,
	.section_shift = 27,
	.hash_entry_bytes = 8,
	.nr_cpus_max = 8192,
	.image_bytes = 0x3400000,
	.image_align = MIB(2),
	.image_offset = MIB(16),
	.show = {{0, 0xe01d32, "Kernel code"}, {0x1000000, 0x18e7000, "Kernel rodata"},
		{0x1a00000, 0x1c489c0, "Kernel data"}, {0x230d000, 0x3400000, "Kernel bss"}},
	.late = {{0x2304000, 0x230d000, "SMP alternatives memory"},
		{0x3203000, 0x3400000, "unused decrypted memory"},
		{0x2043000, 0x2304000, "unused kernel image (initmem) memory"},
		{0xe02000, 0x1000000, "unused kernel image (text/rodata gap) memory"},
		{0x18e7000, 0x1a00000, "unused kernel image (rodata/data gap) memory"}},
	.code_kib = 14343,
	.rwdata_kib = 2338,
	.rodata_kib = 9116,
	.init_kib = 2820,
	.bss_kib = 17356,
	.percpu_pages = 62,
	.percpu_static = 217088,
	.percpu_reserved = 8192,
	.percpu_dynamic = 28672,
	.percpu_unit = 2097152,
	.node_data_bytes = 0x2b000,
	.other_pages = 28,
};

static const struct arch_facts arm_facts = {
	.name = "armv7l",
	.kernel = "6.1.0-50-armmp",
	.nr_orders = 12,
	.pageblock_order = 11,
	.struct_page_bytes = 36,
	.section_shift = 28,
	.hash_entry_bytes = 4,
	.nr_cpus_max = 8,
	.cma_mbytes = 16,
	.image_bytes = 0x1408000,
	.image_align = MIB(2),
	.image_offset = MIB(2),
	.reserve_start = 0x4000,
	.show = {{0x8000, 0x1000000, "Kernel code"}, {0x1200000, 0x1407588, "Kernel data"}},
	.late = {{0x1000000, 0x1200000, "unused kernel image (initmem) memory"}},
	.code_kib = 11264,
	.rwdata_kib = 1700,
	.rodata_kib = 3732,
	.init_kib = 2048,
	.bss_kib = 377,
	.percpu_pages = 18,
	.percpu_static = 45012,
	.percpu_reserved = 8192,
	.percpu_dynamic = 20524,
	.percpu_unit = 73728,
	.other_pages = 21,
};

#define ARM64_IMAGE                                                                                \
	.image_bytes = 0x2010000, .image_align = MIB(2), .image_offset = MIB(2),                   \
	.reserve_start = 0x10000,                                                                  \
	.show = {{0x10000, 0x1660000, "Kernel code"}, {0x1cb0000, 0x2010000, "Kernel data"}},      \
	.late = {{0x1660000, 0x1cb0000, "unused kernel memory"}}, .code_kib = 13248,               \
	.rwdata_kib = 2806, .rodata_kib = 9504, .init_kib = 6464, .bss_kib = 627,                  \
	.percpu_pages = 31, .percpu_static = 87208, .percpu_reserved = 8192,                       \
	.percpu_dynamic = 31576, .percpu_unit = 126976

static const struct arch_facts arm64_facts = {
	.name = "aarch64",
	.kernel = "6.1.0-50-arm64",
	.nr_orders = 11,
	.pageblock_order = 9,
	.struct_page_bytes = 64,
	.section_shift = 27,
	.hash_entry_bytes = 8,
	.nr_cpus_max = 256,
	.cma_mbytes = 64,
	ARM64_IMAGE,
	.node_data_bytes = 0x2c80,
	.other_pages = 42,
};

static const struct arch_facts riscv64_facts = {
	.name = "riscv64",
	.kernel = "6.1.0-50-riscv64",
	.nr_orders = 11,
	.pageblock_order = 9,
	.struct_page_bytes = 64,
	.section_shift = 27,
	.hash_entry_bytes = 8,
	.nr_cpus_max = 64,
	.cma_mbytes = 16,
	ARM64_IMAGE,
	.other_pages = 42,
};

static const struct arch_facts armv7m_facts = {
	.name = "armv7ml",
	.kernel = "6.1.176",
	.nr_orders = 11,
	.pageblock_order = 10,
	.struct_page_bytes = 32,
	.hash_entry_bytes = 4,
	.nr_cpus_max = 1,
	.image_bytes = 0x58000,
	.image_align = 0x1000,
	.reserve_start = 0x8000,
	.show = {{0x8000, 0x57c00, "Kernel data"}},
	.late = {{0x31000, 0x38000, "unused kernel image (initmem) memory"}},
	.code_kib = 1959,
	.rwdata_kib = 163,
	.rodata_kib = 856,
	.init_kib = 92,
	.bss_kib = 119,
	.percpu_pages = 8,
	.percpu_dynamic = 32768,
	.percpu_unit = 32768,
	.other_pages = 13,
};

const struct arch_facts *arch_facts(enum arch arch, bool variant)
{
	switch (arch) {
	case ARCH_I386:
		return variant ? &i386_pae_facts : &i386_facts;
	case ARCH_X86_64:
		return &x86_64_facts;
	case ARCH_ARM:
		return variant ? &armv7m_facts : &arm_facts;
	case ARCH_ARM64:
		return &arm64_facts;
	case ARCH_RISCV64:
		return &riscv64_facts;
	case NR_ARCHS:
		break;
	}
	assert(!"an architecture");
	return NULL;
}

/* What all of Debian's kernels of these architectures have. */
static const enum config common[] = {CONFIG_ALWAYS, CONFIG_SMP, CONFIG_MMU, CONFIG_COMPACTION,
	CONFIG_KSM, CONFIG_MEMCG, CONFIG_PSI, CONFIG_SWAP, CONFIG_ZSWAP, CONFIG_STRICT_DEVMEM,
	CONFIG_SLUB_DEBUG, CONFIG_SLUB_CPU_PARTIAL, CONFIG_SLAB_MERGE_DEFAULT,
	CONFIG_SLAB_FREELIST_RANDOM, CONFIG_SLAB_FREELIST_HARDENED,
	CONFIG_INIT_ON_ALLOC_DEFAULT_ON};

static const enum config of_i386[] = {CONFIG_X86, CONFIG_FLATMEM, CONFIG_ZONE_DMA, CONFIG_HIGHMEM,
	CONFIG_PREEMPT_DYNAMIC, CONFIG_TRANSPARENT_HUGEPAGE, CONFIG_HUGETLB_PAGE};
static const enum config of_x86_64[] = {CONFIG_X86, CONFIG_64BIT, CONFIG_NUMA, CONFIG_SPARSEMEM,
	CONFIG_SPARSEMEM_VMEMMAP, CONFIG_ZONE_DMA, CONFIG_ZONE_DMA32, CONFIG_ZONE_DEVICE,
	CONFIG_PREEMPT_DYNAMIC, CONFIG_MEMORY_HOTPLUG, CONFIG_MEMORY_HOTREMOVE,
	CONFIG_TRANSPARENT_HUGEPAGE, CONFIG_TRANSPARENT_HUGEPAGE_PUD, CONFIG_HUGETLB_PAGE,
	CONFIG_HUGETLB_PAGE_OPTIMIZE_VMEMMAP, CONFIG_DEFERRED_STRUCT_PAGE_INIT,
	CONFIG_SHUFFLE_PAGE_ALLOCATOR};
static const enum config of_arm[] = {
	CONFIG_ARM, CONFIG_FLATMEM, CONFIG_ZONE_DMA, CONFIG_HIGHMEM, CONFIG_CMA};
/* All that moves pages, lends them, or hides them behind addresses needs an MMU. */
static const enum config of_armv7m[] = {CONFIG_ALWAYS, CONFIG_ARM, CONFIG_ARM_MPU, CONFIG_FLATMEM,
	CONFIG_SLUB_DEBUG, CONFIG_SLAB_MERGE_DEFAULT};
static const enum config of_arm64[] = {CONFIG_ARM64, CONFIG_64BIT, CONFIG_NUMA, CONFIG_SPARSEMEM,
	CONFIG_SPARSEMEM_VMEMMAP, CONFIG_ZONE_DMA, CONFIG_ZONE_DMA32, CONFIG_CMA,
	CONFIG_MEMORY_HOTPLUG, CONFIG_MEMORY_HOTREMOVE, CONFIG_TRANSPARENT_HUGEPAGE,
	CONFIG_HUGETLB_PAGE, CONFIG_DEFERRED_STRUCT_PAGE_INIT, CONFIG_SHUFFLE_PAGE_ALLOCATOR};
static const enum config of_riscv64[] = {CONFIG_RISCV, CONFIG_64BIT, CONFIG_SPARSEMEM,
	CONFIG_SPARSEMEM_VMEMMAP, CONFIG_ZONE_DMA32, CONFIG_CMA, CONFIG_TRANSPARENT_HUGEPAGE,
	CONFIG_HUGETLB_PAGE};

/* Debian leaves these out; a simulator of memory management is there for them. */
static const enum config wanted[] = {CONFIG_CMA, CONFIG_CMA_DEBUG, CONFIG_CMA_DEBUGFS,
	CONFIG_CMA_SYSFS, CONFIG_PAGE_OWNER, CONFIG_DEBUG_KMEMLEAK, CONFIG_DMA_API_DEBUG,
	CONFIG_DMABUF_HEAPS, CONFIG_FAIL_PAGE_ALLOC};

#define PUT_ALL(set, list)                                                                         \
	for (unsigned i_ = 0; i_ < sizeof(list) / sizeof((list)[0]); i_++)                         \
	config_put(set, (list)[i_], true)

struct config_set arch_config_debian(enum arch arch, bool variant)
{
	struct config_set set = {0};

	if (arch == ARCH_ARM && variant) {
		PUT_ALL(&set, of_armv7m);
		return set;
	}
	PUT_ALL(&set, common);
	switch (arch) {
	case ARCH_I386:
		PUT_ALL(&set, of_i386);
		config_put(&set, CONFIG_X86_PAE, variant);
		break;
	case ARCH_X86_64:
		PUT_ALL(&set, of_x86_64);
		break;
	case ARCH_ARM:
		PUT_ALL(&set, of_arm);
		break;
	case ARCH_ARM64:
		PUT_ALL(&set, of_arm64);
		break;
	case ARCH_RISCV64:
		PUT_ALL(&set, of_riscv64);
		break;
	case NR_ARCHS:
		assert(!"an architecture");
	}
	return set;
}

struct config_set arch_config_default(enum arch arch, bool variant)
{
	struct config_set set = arch_config_debian(arch, variant);

	PUT_ALL(&set, wanted);
	if (arch == ARCH_ARM && variant) {
		config_put(&set, CONFIG_CMA, false);
		config_put(&set, CONFIG_CMA_DEBUG, false);
		config_put(&set, CONFIG_CMA_DEBUGFS, false);
		config_put(&set, CONFIG_CMA_SYSFS, false);
	}
	config_put(&set, CONFIG_STRICT_DEVMEM, false);
	return set;
}

bool arch_variant(enum arch arch, struct config_set config)
{
	return arch == ARCH_ARM ? !config_has(config, CONFIG_MMU)
				: config_has(config, CONFIG_X86_PAE);
}
