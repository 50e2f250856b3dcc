/* SPDX-License-Identifier: MIT
 *
 * What dma-debug looks at when a driver calls the DMA API (see debug.h):
 *
 *	dma_map_single    is it an address of the direct map?
 *	dma_map_*         the stack of who calls, the kernel's code and constants; segments that are too long or cross a boundary
 *	dma_sync_*        is all of it in one mapping, in its direction?
 *	dma_unmap_*       is it mapped, with this size, by this function, at this CPU address, in this direction, and did the
 *	                  driver ask for dma_mapping_error()?
 *	the driver goes   is anything of the device still mapped?
 *
 * Each question that is answered wrongly is an error of its own, in this order. A sync beyond the end of its mapping is memory "it
 * has not allocated": 6.1 has words for "outside allocated range", but never comes to them, since it looks for a mapping
 * that holds all of what is synced.
 *
 * Modelled: the list that dma_unmap_sg() is given here is that of segments, so their number is compared where the kernel compares
 * the pieces' number (the same, but behind an IOMMU that merges).
 * Follows kernel/dma/debug.c of 6.1 (check_unmap(), check_sync(), check_for_stack(), check_for_illegal_area(), ...).
 */
#include "mm/dma/debug.h"

#include "mm/page/address.h"
#include "mm/process/address_kind.h"
#include "mm/process/task.h"
#include "mm/vmalloc/vmalloc.h"

typedef unsigned long long ull;

/* ---- addresses ---- */

void debug_dma_map_single(struct machine *m, const struct device *d, uint64_t addr, uint64_t bytes)
{
	if (dma_debug_disabled(m))
		return;
	/* On arm64 the image's addresses are not of the direct map; elsewhere the kernel takes them for valid. */
	if (!linux_pa_valid(m, addr) ||
		(m->arch == ARCH_ARM64 && address_kind(m, addr) == ADDRESS_IMAGE))
		dma_debug_err(m, d, NULL,
			"device driver maps memory from invalid area [addr=%0*llx] [len=%llu]",
			machine_word_digits(m), (ull)addr, (ull)bytes);
}

/* A page of the stack of the task that runs; where stacks lie in the direct map, the bytes of its stack. */
static void check_for_stack(struct machine *m, unsigned cpu, const struct device *d, uint64_t phys)
{
	const struct task *t = task_find(m, m->processes.tasks.current_pid[cpu]);
	uint64_t pages = kernel_stack_bytes(m) >> PAGE_SHIFT;

	for (uint64_t i = 0; t && t->stack && i < pages; i++)
		if (task_stack_pfn(m, t, i) == phys >> PAGE_SHIFT) {
			dma_debug_err(m, d, NULL,
				"device driver maps memory from stack [%saddr=%0*llx]",
				is_vmalloc_addr(m, t->stack) ? "probable " : "",
				machine_word_digits(m),
				(ull)(t->stack + (i << PAGE_SHIFT) + phys % PAGE_BYTES));
			return;
		}
}

static bool intersects(uint64_t start, uint64_t end, uint64_t addr, uint64_t bytes)
{
	return addr < end && addr + bytes > start;
}

/* By the addresses that the image was linked for: where it is mapped apart from the direct map, nothing is ever found. */
static void check_for_illegal_area(
	struct machine *m, const struct device *d, uint64_t phys, uint64_t bytes)
{
	const struct kernel_map *k = &m->kernel_map;
	uint64_t page = page_address(m, phys >> PAGE_SHIFT), addr = page + phys % PAGE_BYTES;
	uint64_t text_end = k->image_va + (k->image_text_end - k->image_pa);
	uint64_t rodata_end = k->image_va + (k->image_rodata_end - k->image_pa);

	if (!page || !k->image_bytes)
		return;
	if (intersects(k->image_va, text_end, addr, bytes) ||
		intersects(text_end, rodata_end, addr, bytes))
		dma_debug_err(m, d, NULL,
			"device driver maps memory from kernel text or rodata [addr=%0*llx] "
			"[len=%llu]",
			machine_word_digits(m), (ull)addr, (ull)bytes);
}

void dma_debug_check_area(
	struct machine *m, unsigned cpu, const struct device *d, uint64_t phys, uint64_t bytes)
{
	check_for_stack(m, cpu, d, phys);
	check_for_illegal_area(m, d, phys, bytes);
}

/* ---- scatterlists ---- */

/* CONFIG_DMA_API_DEBUG_SG, which is y where nobody says otherwise. */
static void check_sg_segment(
	struct machine *m, const struct device *d, const struct scatterlist *sg)
{
	uint64_t most = d->max_segment_size ? d->max_segment_size : 0x10000;
	uint64_t boundary =
		d->segment_boundary_mask ? d->segment_boundary_mask : machine_word_max(m);
	uint64_t start = sg->dma, end = start + sg->dma_bytes - 1;

	if (sg->bytes > most)
		dma_debug_err(m, d, NULL,
			"mapping sg segment longer than device claims to support [len=%llu] "
			"[max=%llu]",
			(ull)sg->bytes, (ull)most);
	if ((start ^ end) & ~boundary)
		dma_debug_err(m, d, NULL,
			"mapping sg segment across boundary [start=0x%016llx] [end=0x%016llx] "
			"[boundary=0x%016llx]",
			(ull)start, (ull)end, (ull)boundary);
}

void debug_dma_map_sg(struct machine *m, unsigned cpu, const struct device *d,
	const struct scatterlist *sg, uint32_t nents, uint32_t mapped, enum dma_data_direction dir,
	unsigned attrs)
{
	if (dma_debug_disabled(m))
		return;
	for (uint32_t i = 0; i < nents; i++)
		dma_debug_check_area(m, cpu, d, sg[i].phys, sg[i].bytes);
	for (uint32_t i = 0; i < mapped && !dma_debug_disabled(m); i++) {
		const struct dma_debug_entry x = {.type = DMA_DEBUG_SG,
			.dev_addr = sg[i].dma,
			.size = sg[i].dma_bytes,
			.phys = sg[i].phys,
			.dir = (uint8_t)dir,
			.sg_call_ents = nents,
			.sg_mapped_ents = mapped};

		check_sg_segment(m, d, &sg[i]);
		debug_dma_note(m, cpu, d, x, attrs);
	}
}

/* ---- the end of a mapping ---- */

static void check_function(struct machine *m, const struct device *d,
	const struct dma_debug_entry *ref, const struct dma_debug_entry *x)
{
	if (ref->type != x->type)
		dma_debug_err(m, d, x,
			"device driver frees DMA memory with wrong function [device "
			"address=0x%016llx] [size=%llu bytes] [mapped as %s] [unmapped as %s]",
			(ull)ref->dev_addr, (ull)ref->size, dma_debug_type_name(x->type),
			dma_debug_type_name(ref->type));
	else if (x->type == DMA_DEBUG_COHERENT && ref->phys != x->phys)
		dma_debug_err(m, d, x,
			"device driver frees DMA memory with different CPU address [device "
			"address=0x%016llx] [size=%llu bytes] [cpu alloc address=0x%016llx] [cpu "
			"free address=0x%016llx]",
			(ull)ref->dev_addr, (ull)ref->size, (ull)x->phys, (ull)ref->phys);
	if (ref->type == DMA_DEBUG_SG && ref->sg_call_ents &&
		ref->sg_call_ents != x->sg_mapped_ents)
		dma_debug_err(m, d, x,
			"device driver frees DMA sg list with different entry count [map count=%u] "
			"[unmap count=%u]",
			x->sg_call_ents, ref->sg_call_ents);
}

/* check_unmap() */
static void check_unmap(struct machine *m, const struct device *d,
	const struct dma_debug_entry *ref, const struct dma_debug_entry *x)
{
	if (ref->size != x->size)
		dma_debug_err(m, d, x,
			"device driver frees DMA memory with different size [device "
			"address=0x%016llx] [map size=%llu bytes] [unmap size=%llu bytes]",
			(ull)ref->dev_addr, (ull)x->size, (ull)ref->size);
	check_function(m, d, ref, x);
	if (ref->dir != x->dir)
		dma_debug_err(m, d, x,
			"device driver frees DMA memory with different direction [device "
			"address=0x%016llx] [size=%llu bytes] [mapped with %s] [unmapped with %s]",
			(ull)ref->dev_addr, (ull)ref->size, dma_direction_name(x->dir),
			dma_direction_name(ref->dir));
	if (x->map_err == MAP_ERR_NOT_CHECKED)
		dma_debug_err(m, d, x,
			"device driver failed to check map error[device address=0x%016llx] "
			"[size=%llu bytes] [mapped as %s]",
			(ull)ref->dev_addr, (ull)ref->size, dma_debug_type_name(x->type));
}

void debug_dma_unmap(
	struct machine *m, const struct device *d, const struct dma_debug_entry *what, bool ended)
{
	struct dma_debug_entry ref = *what;

	if (dma_debug_disabled(m))
		return;
	ref.device = d->id;
	struct dma_debug_entry *x = dma_debug_find(m, &ref);

	if (x) {
		check_unmap(m, d, &ref, x);
	} else if (ref.dev_addr == DMA_MAPPING_ERROR) {
		dma_debug_err(
			m, d, NULL, "device driver tries to free an invalid DMA memory address");
	} else {
		dma_debug_err(m, d, NULL,
			"device driver tries to free DMA memory it has not allocated [device "
			"address=0x%016llx] [size=%llu bytes]",
			(ull)ref.dev_addr, (ull)ref.size);
	}
	/* Of a page that is in two lists the kernel would not know which of them is unmapped in parts. */
	if (ended && !x)
		x = dma_debug_find_like(m, &ref);
	if (ended && x)
		dma_debug_del(m, x);
}

void debug_dma_unmap_sg(struct machine *m, const struct device *d, const struct scatterlist *sg,
	uint32_t nents, enum dma_data_direction dir, bool ended)
{
	for (uint32_t i = 0; i < nents; i++)
		debug_dma_unmap(m, d,
			&(struct dma_debug_entry){.type = DMA_DEBUG_SG,
				.dev_addr = sg[i].dma,
				.size = sg[i].dma_bytes,
				.dir = (uint8_t)dir,
				.sg_call_ents = nents},
			ended);
}

/* ---- the rest ---- */

/* Words and numbers that three complaints have in common. */
static void sync_err(struct machine *m, const struct device *d, const struct dma_debug_entry *ref,
	const struct dma_debug_entry *x, const char *words)
{
	dma_debug_err(m, d, x,
		"device driver syncs %s [device address=0x%016llx] [size=%llu bytes] [mapped with "
		"%s] [synced with %s]",
		words, (ull)ref->dev_addr, (ull)x->size, dma_direction_name(x->dir),
		dma_direction_name(ref->dir));
}

/* check_sync(); what was mapped both ways is not asked for more. */
static void check_sync(struct machine *m, const struct device *d, const struct dma_debug_entry *ref,
	const struct dma_debug_entry *x, bool to_cpu)
{
	if (!x) {
		dma_debug_err(m, d, NULL,
			"device driver tries to sync DMA memory it has not allocated [device "
			"address=0x%016llx] [size=%llu bytes]",
			(ull)ref->dev_addr, (ull)ref->size);
		return;
	}
	if (x->dir == DMA_BIDIRECTIONAL)
		return;
	if (ref->dir != x->dir)
		sync_err(m, d, ref, x, "DMA memory with different direction");
	if (to_cpu && x->dir != DMA_FROM_DEVICE && ref->dir != DMA_TO_DEVICE)
		sync_err(m, d, ref, x, "device read-only DMA memory for cpu");
	if (!to_cpu && x->dir != DMA_TO_DEVICE && ref->dir != DMA_FROM_DEVICE)
		sync_err(m, d, ref, x, "device write-only DMA memory to device");
	if (ref->sg_call_ents && x->type == DMA_DEBUG_SG && ref->sg_call_ents != x->sg_mapped_ents)
		dma_debug_err(m, d, x,
			"device driver syncs DMA sg list with different entry count [map count=%u] "
			"[sync count=%u]",
			x->sg_call_ents, ref->sg_call_ents);
}

void debug_dma_sync(struct machine *m, const struct device *d, uint64_t dma, uint64_t bytes,
	enum dma_data_direction dir, bool to_cpu)
{
	const struct dma_debug_entry ref = {.type = DMA_DEBUG_SINGLE,
		.device = d->id,
		.dev_addr = dma,
		.size = bytes,
		.dir = (uint8_t)dir};

	if (!dma_debug_disabled(m))
		check_sync(m, d, &ref, dma_debug_find_contain(m, &ref), to_cpu);
}

void debug_dma_sync_sg(struct machine *m, const struct device *d, const struct scatterlist *sg,
	uint32_t nents, enum dma_data_direction dir, bool to_cpu)
{
	for (uint32_t i = 0; i < nents && !dma_debug_disabled(m); i++) {
		const struct dma_debug_entry ref = {.type = DMA_DEBUG_SG,
			.device = d->id,
			.dev_addr = sg[i].dma,
			.size = sg[i].dma_bytes,
			.dir = (uint8_t)dir,
			.sg_call_ents = nents};

		check_sync(m, d, &ref, dma_debug_find_contain(m, &ref), to_cpu);
	}
}

void debug_dma_mapping_error(struct machine *m, const struct device *d, uint64_t dma)
{
	const struct dma_debug_entry ref = {.device = d->id, .dev_addr = dma};
	struct dma_debug_entry *x = dma_debug_disabled(m) ? NULL : dma_debug_find_unasked(m, &ref);

	if (x)
		x->map_err = MAP_ERR_CHECKED;
}

void debug_dma_unbound(struct machine *m, const struct device *d)
{
	const struct dma_debug_entry *last = NULL;
	struct device gone = *d;
	unsigned count = 0;

	/* The driver is gone when the bus is told: it goes by the bus's name now, and no filter finds it. */
	*gone.driver = '\0';
	if (dma_debug_disabled(m))
		return;
	for (const struct dma_debug_entry *x = NULL; (x = dma_debug_next(m, x));)
		if (x->device == d->id) {
			last = x;
			count++;
		}
	if (last)
		dma_debug_err(m, &gone, last,
			"device driver has pending DMA allocations while released from device "
			"[count=%u]\nOne of leaked entries details: [device address=0x%016llx] "
			"[size=%llu bytes] [mapped with %s] [mapped as %s]",
			count, (ull)last->dev_addr, (ull)last->size, dma_direction_name(last->dir),
			dma_debug_type_name(last->type));
}
