/* SPDX-License-Identifier: MIT
 *
 * How far the kernel's own mapping reaches: low memory, high memory, what devices reach.
 *
 * A 32-bit kernel has one GiB of addresses for itself. From its top down on x86: the fixed
 * mappings, the CPU entry areas of CONFIG_NR_CPUS CPUs, the LDT, the windows of kmap(), then
 * vmalloc's reserve (128 MiB, or vmalloc= and an
 * 8 MiB guard); RAM gets what is left:
 *
 *	PAGE_OFFSET                                   VMALLOC_END  PKMAP  LDT  cpu entry  fixmap
 *	0xc0000000 |---- low memory: 0x36bfe000 -----|--- 128 MiB --|------|----|----------|----| 0xffffffff
 *
 * Each of the upper parts begins at a multiple of what one page-table page maps: 4 MiB, with PAE
 * 2 MiB. On ARM vmalloc's 240 MiB end at 0xff800000. RAM beyond is high memory, for HIGHMEM
 * kernels; others do not use it.
 *
 * A kernel without MMU maps nothing: it uses the first range of RAM, as far as regions of the MPU reach.
 *
 * Follows arch/x86/mm/init_32.c (find_low_pfn_range()), arch/x86/include/asm/pgtable_32_areas.h,
 * arch/arm/mm/mmu.c (adjust_lowmem_bounds()), arch/arm64/mm/init.c (zone_sizes_init()) of 6.1.
 */
#include "mm/boot/boot.h"
#include "mm/kernel/layout.h"
#include "mm/kernel/cpus.h"
#include "mm/kernel/pmsa.h"

#include <errno.h>

#define PAGE_OFFSET_32 0xc0000000u
#define VMALLOC_GUARD  (8 * MIB)

static uint64_t mb(uint64_t pages)
{
	return pages >> (20 - PAGE_SHIFT);
}

/* MAXMEM of a 686 kernel. */
static uint64_t x86_maxmem(const struct boot *b)
{
	uint64_t vmalloc_end = layout_686(b->m).vmalloc_end;
	uint64_t reserve = b->c.vmalloc_bytes ? b->c.vmalloc_bytes + VMALLOC_GUARD : 128 * MIB;

	if (reserve > vmalloc_end - PAGE_OFFSET_32)
		return 0;
	return vmalloc_end - PAGE_OFFSET_32 - reserve;
}

void boot_say_limits(struct boot *b)
{
	if (b->m->arch != ARCH_I386)
		return;
	if (machine_has(b->m, CONFIG_HIGHMEM))
		log_printf(b->m, "%lluMB HIGHMEM available.", (ull)mb(b->max_pfn - b->max_low_pfn));
	log_printf(b->m, "%lluMB LOWMEM available.", (ull)mb(b->max_low_pfn));
	log_printf(b->m, "  mapped low ram: 0 - %08llx", (ull)b->max_low_pfn << PAGE_SHIFT);
	log_printf(b->m, "  low ram: 0 - %08llx", (ull)b->max_low_pfn << PAGE_SHIFT);
}

/* All RAM fits low memory: highmem= may take some of it away. */
static uint64_t x86_small(struct boot *b)
{
	uint64_t high = b->c.highmem_given ? b->c.highmem_bytes >> PAGE_SHIFT : 0;

	b->max_low_pfn = b->max_pfn;
	if (!machine_has(b->m, CONFIG_HIGHMEM))
		return 0;
	if (high >= b->max_pfn) {
		log_printf(b->m, "highmem size (%lluMB) is bigger than pages available (%lluMB)!",
			(ull)mb(high), (ull)mb(b->max_pfn));
		high = 0;
	}
	if (high && b->max_low_pfn - high < 64 * MIB >> PAGE_SHIFT) {
		log_printf(b->m, "highmem size (%lluMB) results in <64MB lowmem, ignoring it!",
			(ull)mb(high));
		high = 0;
	}
	b->max_low_pfn -= high;
	return high;
}

static uint64_t x86_large(struct boot *b, uint64_t maxmem_pfn)
{
	uint64_t high =
		b->c.highmem_given ? b->c.highmem_bytes >> PAGE_SHIFT : b->max_pfn - maxmem_pfn;

	b->max_low_pfn = maxmem_pfn;
	if (!machine_has(b->m, CONFIG_HIGHMEM)) {
		log_printf(b->m, "Warning only %lluMB will be used.", (ull)mb(maxmem_pfn));
		log_printf(b->m, "Use a HIGHMEM enabled kernel.");
		b->max_pfn = maxmem_pfn;
		return 0;
	}
	if (high + maxmem_pfn < b->max_pfn)
		b->max_pfn = maxmem_pfn + high;
	if (high + maxmem_pfn > b->max_pfn) {
		log_printf(b->m,
			"only %luMB highmem pages available, ignoring highmem size of %luMB!",
			(unsigned long)mb(b->max_pfn - maxmem_pfn), (unsigned long)mb(high));
		high = 0;
	}
	return high;
}

static int limits_i386(struct boot *b)
{
	uint64_t maxmem_pfn = x86_maxmem(b) >> PAGE_SHIFT;

	if (maxmem_pfn < 64 * MIB >> PAGE_SHIFT)
		return refuse(&b->m->why, EINVAL, "vmalloc= leaves less than 64 MiB for RAM");
	if (b->max_pfn <= maxmem_pfn)
		x86_small(b);
	else
		x86_large(b, maxmem_pfn);
	/* What lies above is not used at all. */
	return memblock_remove(b->m, b->max_pfn << PAGE_SHIFT, UINT64_MAX);
}

/* Without an MMU, what does not adjoin the first range of RAM is not used (pmsav7_adjust_lowmem_bounds()). */
static int limits_nommu(struct boot *b)
{
	const struct memblock_type *memory = &b->m->memblock.memory;
	uint64_t end = memory->region[0].end;

	if (memory->nr > 1) {
		log_printf(b->m, "Ignoring RAM after 0x%08llx, memory at 0x%08llx ignored",
			(ull)end, (ull)memory->region[1].start);
		b->max_pfn = end >> PAGE_SHIFT;
	}
	uint64_t start = memory->region[0].start, covered = 0;
	struct pmsa_piece piece[MPU_MAX_REGIONS];
	unsigned left, regions = b->m->cpus.desc.mpu_regions;

	if (regions) {
		pmsa_cover_xip(regions, piece, &left);
		for (unsigned n = pmsa_cover(start, end - start, left, piece); n-- > 0;)
			covered += piece[n].bytes / 8 *
				   (uint64_t)(8 - __builtin_popcount(piece[n].off));
		if (covered < end - start)
			log_printf(b->m,
				"Truncating memory from 0x%08llx to 0x%08llx (MPU region "
				"constraints)",
				(ull)(end - start), (ull)covered);
		end = start + covered;
		b->max_pfn = end >> PAGE_SHIFT;
	}
	b->max_low_pfn = b->max_pfn;
	return memblock_remove(b->m, end, UINT64_MAX);
}

static int limits_arm(struct boot *b)
{
	const struct memblock_type *memory = &b->m->memblock.memory;
	uint64_t start = memory->region[0].start, end = b->max_pfn << PAGE_SHIFT;
	uint64_t vmalloc = b->c.vmalloc_bytes ? b->c.vmalloc_bytes : 240 * MIB;
	uint64_t vmalloc_max = 0xff800000u - (PAGE_OFFSET_32 + 32 * MIB + VMALLOC_GUARD);

	if (vmalloc < 16 * MIB) {
		vmalloc = 16 * MIB;
		log_printf(b->m, "vmalloc area is too small, limiting to %lluMiB",
			(ull)(vmalloc / MIB));
	}
	if (vmalloc > vmalloc_max) {
		vmalloc = vmalloc_max;
		log_printf(
			b->m, "vmalloc area is too big, limiting to %lluMiB", (ull)(vmalloc / MIB));
	}
	uint64_t low_end = 0xff800000u - vmalloc - VMALLOC_GUARD - PAGE_OFFSET_32 +
			   align_down(start, 16 * MIB);
	low_end = min_u64(align_down(low_end, 2 * MIB), end);
	b->max_low_pfn = low_end >> PAGE_SHIFT;
	if (end <= low_end || machine_has(b->m, CONFIG_HIGHMEM))
		return 0;
	log_printf(b->m, "Ignoring RAM at %#llx-%#llx", (ull)low_end, (ull)end);
	log_printf(b->m, "Consider using a HIGHMEM enabled kernel.");
	b->max_pfn = b->max_low_pfn;
	return memblock_remove(b->m, low_end, UINT64_MAX);
}

/* max_zone_phys(): what a mask of @bits covers, given where RAM begins. */
static uint64_t arm64_reach(const struct boot *b, unsigned bits)
{
	uint64_t mask = bits >= 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
	uint64_t start = b->m->memblock.memory.region[0].start;

	if (start > UINT32_MAX)
		mask = UINT64_MAX;
	else if (start > mask)
		mask = UINT32_MAX;
	return min_u64(mask, (b->max_pfn << PAGE_SHIFT) - 1) + 1;
}

static unsigned bits_of(uint64_t n)
{
	return n ? 64 - (unsigned)__builtin_clzll(n) : 0;
}

int boot_limits(struct boot *b)
{
	b->max_low_pfn = b->max_pfn;
	switch (b->m->arch) {
	case ARCH_I386:
		return limits_i386(b);
	case ARCH_ARM:
		return machine_has(b->m, CONFIG_MMU) ? limits_arm(b) : limits_nommu(b);
	case ARCH_ARM64:
		b->dma_limit =
			machine_has(b->m, CONFIG_ZONE_DMA)
				? arm64_reach(b, b->d->dma_limit ? (unsigned)min_u64(32,
									   bits_of(b->d->dma_limit))
								 : 32)
				: arm64_reach(b, 32);
		return 0;
	case ARCH_RISCV64:
		b->dma_limit = min_u64(4 * GIB, b->max_pfn << PAGE_SHIFT);
		return 0;
	case ARCH_X86_64:
	case NR_ARCHS:
		break;
	}
	return 0;
}
