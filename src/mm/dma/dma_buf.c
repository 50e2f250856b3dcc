/* SPDX-License-Identifier: MIT
 *
 * Buffers shared by devices and processes (see dma_buf.h).
 *
 *	export ── attach ── map ── the device works ── unmap ── detach ── the last holder closes: pages go back
 *	                      └── begin_cpu_access ── the CPU works ── end_cpu_access
 *
 * Beginning an access of the CPU syncs every mapping of every device for the CPU, ending it syncs them for the devices;
 * where devices go through the caches nothing happens then.
 *
 * Left out: fences (reservation objects, sync_file), dynamic attachments and move_notify, peer-to-peer.
 * Follows drivers/dma-buf/dma-buf.c, heaps/system_heap.c of 6.1.
 */
#include "mm/dma/dma_buf.h"

#include "base/text.h"
#include "mm/core/link.h"
#include "mm/process/file.h"
#include "mm/vmalloc/vmalloc.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

typedef unsigned long long ull;

static struct dma_buf_block *blocks(const struct machine *m, const struct dma_buf *b)
{
	return machine_at(m, b->blocks_at);
}

/* ---- found ---- */

struct dma_buf *dma_buf_next(const struct machine *m, const struct dma_buf *b)
{
	uint64_t at = b ? b->next : m->devices.dma_bufs.first;

	return at ? machine_at(m, at) : NULL;
}

struct dma_buf *dma_buf_of_inode(const struct machine *m, const struct inode *i)
{
	return i->kind == INODE_DMABUF ? machine_at(m, i->dma_buf_at) : NULL;
}

struct dma_buf *dma_buf_find(const struct machine *m, uint64_t ino)
{
	struct dma_buf *b = dma_buf_next(m, NULL);

	while (b && b->ino != ino)
		b = dma_buf_next(m, b);
	return b;
}

struct dma_buf *dma_buf_by_name(const struct machine *m, const char *name, size_t len)
{
	struct dma_buf *b = dma_buf_next(m, NULL);

	while (b && (strlen(b->name) != len || memcmp(b->name, name, len)))
		b = dma_buf_next(m, b);
	return len ? b : NULL;
}

uint32_t dma_buf_holders(const struct machine *m, const struct dma_buf *b)
{
	return ((const struct file *)machine_at(m, b->file_at))->refcount;
}

uint64_t dma_buf_pfn(const struct machine *m, const struct dma_buf *b, uint64_t i)
{
	const struct dma_buf_block *x = blocks(m, b);
	uint32_t low = 0, high = b->nr_blocks;

	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;

		if (x[middle].first <= i)
			low = middle;
		else
			high = middle;
	}
	return x[low].pfn + (i - x[low].first);
}

int dma_buf_fault(struct machine *m, const struct inode *i, uint64_t index, uint64_t *pfn)
{
	const struct dma_buf *b = dma_buf_of_inode(m, i);

	if (index >= b->bytes >> PAGE_SHIFT)
		return refuse(
			&m->why, ENXIO, "page %llu is behind the end of the buffer", (ull)index);
	*pfn = dma_buf_pfn(m, b, index);
	return 0;
}

/* ---- made and ended ---- */

int dma_buf_export(
	struct machine *m, unsigned cpu, struct dma_buf *b, uint32_t flags, struct file **out)
{
	struct dma_bufs *s = &m->devices.dma_bufs;
	struct inode *i = dmabuf_inode(m, cpu, machine_ref(m, b), b->bytes, s->last_ino + 1);
	struct file *f = i ? file_open_inode(m, cpu, i, flags) : NULL;

	if (!f) {
		struct refusal why = m->why;

		/* Nobody's buffer: the inode goes, the pages are the caller's. */
		if (i) {
			i->dma_buf_at = 0;
			inode_get(i);
			inode_put(m, cpu, i);
		}
		m->why = why;
		return -m->why.err;
	}
	b->ino = ++s->last_ino;
	b->file_at = machine_ref(m, f);
	uint64_t *link = &s->first;
	while (*link)
		link = &((struct dma_buf *)machine_at(m, *link))->next;
	*link = machine_ref(m, b);
	s->nr++;
	*out = f;
	return 0;
}

void dma_buf_release(struct machine *m, unsigned cpu, struct inode *i)
{
	if (!i->dma_buf_at)
		return;
	struct dma_bufs *s = &m->devices.dma_bufs;
	struct dma_buf *b = machine_at(m, i->dma_buf_at);
	uint64_t *link = &s->first;

	/* Attachments hold the file. */
	assert(!b->attachments);
	if (b->nr_vmaps)
		(void)vunmap(m, cpu, b->vmap_address);
	while (*link != i->dma_buf_at)
		link = &((struct dma_buf *)machine_at(m, *link))->next;
	*link = b->next;
	s->nr--;
	dma_heap_free(m, cpu, b);
	heap_free(m, i->dma_buf_at, sizeof(*b));
}

/* ---- the CPU ---- */

/* dma_sync_sgtable_for_*() of every mapping, in the direction that it was mapped with. */
static int sync_all(struct machine *m, const struct dma_buf *b, bool to_cpu)
{
	for (const struct dma_buf_attachment *a = dma_buf_attachment_next(m, b, NULL); a;
		a = dma_buf_attachment_next(m, b, a)) {
		int err = a->mapped ? dma_sync_sg(m, device_find(m, a->device),
					      machine_at(m, a->sg_at), a->nr_segments,
					      (enum dma_data_direction)a->dir, to_cpu)
				    : 0;

		if (err)
			return err;
	}
	return 0;
}

int dma_buf_begin_cpu_access(struct machine *m, const struct dma_buf *b)
{
	return sync_all(m, b, true);
}

int dma_buf_end_cpu_access(struct machine *m, const struct dma_buf *b)
{
	return sync_all(m, b, false);
}

int dma_buf_vmap(struct machine *m, unsigned cpu, struct dma_buf *b, uint64_t *addr)
{
	uint32_t nr = (uint32_t)(b->bytes >> PAGE_SHIFT);
	uint64_t at = b->nr_vmaps ? 0 : heap_alloc(m, nr * sizeof(uint32_t));

	if (!b->nr_vmaps) {
		if (!at)
			return -m->why.err;
		uint32_t *pfns = machine_at(m, at);

		for (uint32_t i = 0; i < nr; i++)
			pfns[i] = (uint32_t)dma_buf_pfn(m, b, i);
		int err = vmap(m, cpu, pfns, nr, 0, &b->vmap_address);
		heap_free(m, at, nr * sizeof(uint32_t));
		if (err)
			return err;
	}
	b->nr_vmaps++;
	*addr = b->vmap_address;
	return 0;
}

int dma_buf_vunmap(struct machine *m, unsigned cpu, struct dma_buf *b)
{
	if (!b->nr_vmaps)
		return refuse(&m->why, EINVAL, "nobody has a kernel address of this buffer");
	if (--b->nr_vmaps)
		return 0;
	uint64_t addr = b->vmap_address;

	b->vmap_address = 0;
	return vunmap(m, cpu, addr);
}

/* ---- the specification ---- */

static unsigned check_one(const struct machine *m, const struct dma_buf *b, struct text *out)
{
	const struct file *f = machine_at(m, b->file_at);
	uint64_t pages = 0;
	uint32_t nr = 0;

	for (uint32_t i = 0; i < b->nr_blocks; i++) {
		if (blocks(m, b)[i].first != pages)
			break;
		pages += blocks(m, b)[i].pages;
	}
	for (const struct dma_buf_attachment *a = dma_buf_attachment_next(m, b, NULL); a;
		a = dma_buf_attachment_next(m, b, a), nr++)
		if (!device_find(m, a->device) || a->mapped != (a->sg_at != 0))
			break;
	if (pages << PAGE_SHIFT == b->bytes && nr == b->nr_attachments &&
		f->refcount >= b->nr_attachments &&
		dma_buf_of_inode(m, machine_at(m, f->inode_at)) == b)
		return 0;
	text_printf(out,
		"dma-buf %llu: %llu pages, %u attachments, or its file are not as counted\n",
		(ull)b->ino, (ull)pages, nr);
	return 1;
}

unsigned dma_buf_check(const struct machine *m, struct text *out)
{
	uint32_t nr = 0;
	unsigned bad = 0;

	for (const struct dma_buf *b = dma_buf_next(m, NULL); b; b = dma_buf_next(m, b), nr++)
		bad += check_one(m, b, out);
	if (nr == m->devices.dma_bufs.nr)
		return bad;
	text_printf(out, "%u dma-bufs are there, %u are counted\n", nr, m->devices.dma_bufs.nr);
	return bad + 1;
}
