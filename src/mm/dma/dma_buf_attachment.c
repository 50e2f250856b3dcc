/* SPDX-License-Identifier: MIT
 *
 * Devices that use a dma-buf (see dma_buf.h).
 *
 *	buffer ──> attachment 1: camera    mapped: 1 segment behind its IOMMU
 *	       ──> attachment 2: display   mapped: 15 segments
 *	       ──> attachment 3: display   not mapped
 *
 * An attachment holds the buffer as an open file does, since a driver gets it by dma_buf_get(). What a device is told is
 * the scatterlist of its own mapping, so two devices may have the same pages at different addresses, or in different numbers
 * of pieces. Nothing keeps a device from attaching twice: each attachment has a mapping of its own. Linux's drivers tell
 * theirs apart by their pointers, here they have numbers.
 *
 * Follows drivers/dma-buf/dma-buf.c, heaps/system_heap.c of 6.1.
 */
#include "mm/dma/dma_buf.h"

#include "mm/core/link.h"
#include "mm/process/file.h"

#include <errno.h>

struct dma_buf_attachment *dma_buf_attachment_next(
	const struct machine *m, const struct dma_buf *b, const struct dma_buf_attachment *a)
{
	uint64_t at = a ? a->next : b->attachments;

	return at ? machine_at(m, at) : NULL;
}

struct dma_buf_attachment *dma_buf_attachment_find(
	struct machine *m, const struct dma_buf *b, const struct device *d, uint64_t number)
{
	struct dma_buf_attachment *a = dma_buf_attachment_next(m, b, NULL);

	while (a && (a->device != d->id || (number && a->number != number)))
		a = dma_buf_attachment_next(m, b, a);
	if (!a && number)
		refuse(&m->why, ENOENT, "%s has no attachment %llu to this buffer", d->name,
			(unsigned long long)number);
	else if (!a)
		refuse(&m->why, ENOENT,
			"%s is not attached to this buffer: dma_buf_attach does that", d->name);
	return a;
}

uint32_t dma_buf_attached(const struct machine *m, const struct device *d)
{
	uint32_t nr = 0;

	for (const struct dma_buf *b = dma_buf_next(m, NULL); b; b = dma_buf_next(m, b))
		for (const struct dma_buf_attachment *a = dma_buf_attachment_next(m, b, NULL); a;
			a = dma_buf_attachment_next(m, b, a))
			nr += a->device == d->id;
	return nr;
}

int dma_buf_attach(
	struct machine *m, struct dma_buf *b, struct device *d, struct dma_buf_attachment **out)
{
	uint64_t at = heap_alloc(m, sizeof(struct dma_buf_attachment)), *link = &b->attachments;

	if (!at)
		return -m->why.err;
	while (*link)
		link = &((struct dma_buf_attachment *)machine_at(m, *link))->next;
	*link = at;
	*out = machine_at(m, at);
	(*out)->number = ++m->devices.dma_bufs.last_attachment;
	(*out)->device = d->id;
	b->nr_attachments++;
	file_get(machine_at(m, b->file_at));
	return 0;
}

int dma_buf_detach(struct machine *m, unsigned cpu, struct dma_buf *b, struct dma_buf_attachment *a)
{
	uint64_t *link = &b->attachments, at = machine_ref(m, a);

	if (a->mapped)
		return refuse(&m->why, EBUSY,
			"the buffer is mapped for %s: dma_buf_unmap_attachment comes first",
			device_find(m, a->device)->name);
	while (*link != at)
		link = &((struct dma_buf_attachment *)machine_at(m, *link))->next;
	*link = a->next;
	b->nr_attachments--;
	heap_free(m, at, sizeof(*a));
	/* Perhaps the last: then @b is gone. */
	file_put(m, cpu, machine_at(m, b->file_at));
	return 0;
}

int dma_buf_map_attachment(struct machine *m, unsigned cpu, struct dma_buf *b,
	struct dma_buf_attachment *a, enum dma_data_direction dir, const struct scatterlist **out,
	uint32_t *nr)
{
	struct device *d = device_find(m, a->device);

	if (a->mapped)
		return refuse(&m->why, EBUSY, "the buffer is mapped for %s already", d->name);
	uint64_t bytes = b->nr_blocks * sizeof(struct scatterlist), at = heap_alloc(m, bytes);
	if (!at)
		return -m->why.err;
	const struct dma_buf_block *block = machine_at(m, b->blocks_at);
	struct scatterlist *sg = machine_at(m, at);

	for (uint32_t i = 0; i < b->nr_blocks; i++)
		sg[i] = (struct scatterlist){.phys = block[i].pfn << PAGE_SHIFT,
			.bytes = (uint64_t)block[i].pages << PAGE_SHIFT};
	int err = dma_map_sg(m, cpu, d, sg, b->nr_blocks, dir, 0, nr);
	if (err) {
		heap_free(m, at, bytes);
		return err;
	}
	a->sg_at = at;
	a->nr_segments = *nr;
	a->dir = (uint8_t)dir;
	a->mapped = 1;
	*out = sg;
	return 0;
}

int dma_buf_unmap_attachment(
	struct machine *m, unsigned cpu, struct dma_buf *b, struct dma_buf_attachment *a)
{
	struct device *d = device_find(m, a->device);

	if (!a->mapped)
		return refuse(&m->why, EINVAL, "the buffer is not mapped for %s", d->name);
	int err = dma_unmap_sg(m, cpu, d, machine_at(m, a->sg_at), a->nr_segments,
		(enum dma_data_direction)a->dir, 0);
	if (err)
		return err;
	heap_free(m, a->sg_at, b->nr_blocks * sizeof(struct scatterlist));
	a->sg_at = 0;
	a->mapped = 0;
	return 0;
}
