/* SPDX-License-Identifier: MIT
 *
 * Buffers that devices and processes share: dma-buf, and the heaps that make them (drivers/dma-buf of 6.1).
 *
 *	a process: fd ─┐                    ┌─ attachment: device A, its scatterlist when mapped
 *	    its mappings ├─> file ─> dma_buf ─┤
 *	devices' holds ─┘                    └─ attachment: device B
 *
 * The buffer lives until the last of those who hold its file is gone: file descriptors, mappings, attachments.
 */
#ifndef SIMM_MM_DMA_DMA_BUF_H
#define SIMM_MM_DMA_DMA_BUF_H

#include "mm/dma/mapping.h"

struct inode;
struct file;

#define DMA_BUF_NAME_MAX 32

/* A device's use of the buffer. A device may have several, each with a mapping of its own. */
struct dma_buf_attachment {
	uint64_t number; /* from 1, never used again */
	uint32_t device; /* id */
	uint8_t mapped, dir;
	uint16_t unused;
	uint32_t nr_segments; /* what the device is told */
	uint32_t unused2;
	uint64_t sg_at;	      /* heap block of struct scatterlist [nr_blocks] while it is mapped */
	uint64_t next;	      /* offset of the next one, 0: none */
};

/* Pages of the buffer that lie side by side. */
struct dma_buf_block {
	uint64_t pfn;
	uint32_t pages;
	uint32_t first; /* page of the buffer */
};

struct dma_buf {
	char exporter[DESCRIBE_NAME_MAX]; /* the heap's name */
	char name[DMA_BUF_NAME_MAX];	 /* DMA_BUF_SET_NAME; "": none */
	uint64_t ino;
	uint64_t bytes;
	uint64_t file_at;	/* the struct file; it does not count as a holder */
	uint64_t blocks_at;	/* heap block of struct dma_buf_block [cap_blocks] */
	uint32_t nr_blocks, cap_blocks;
	uint64_t attachments;	/* offset of the first; oldest first */
	uint32_t nr_attachments;
	uint32_t nr_vmaps;
	uint32_t cma;		/* its pages are of this area: its number + 1; 0: of the page allocator */
	uint32_t unused;
	uint64_t vmap_address;
	uint64_t next;		/* the next buffer of the machine, oldest first; 0: none */
};

/* ---- heaps (dma_heap.c) ---- */

/* The heaps' names, NULL behind the last. */
const char *dma_heap_nth(const struct machine *m, unsigned i);
/* DMA_HEAP_IOCTL_ALLOC: a buffer of @bytes, rounded up to pages, and the file that holds it (the caller's reference).
 * Errors: ENODEV (no such heap), EINVAL (0 bytes, or flags), ENOMEM (a contiguous area's reasons are in the log, too),
 * EDQUOT. */
int dma_heap_alloc(struct machine *m, unsigned cpu, const char *heap, size_t len, uint64_t bytes,
	uint32_t flags, struct file **out);
/* Give the pages back. */
void dma_heap_free(struct machine *m, unsigned cpu, struct dma_buf *b);

/* ---- buffers (dma_buf.c) ---- */

struct dma_buf *dma_buf_of_inode(const struct machine *m, const struct inode *i);
/* By number in bufinfo, or by name. NULL: none. */
struct dma_buf *dma_buf_find(const struct machine *m, uint64_t ino);
struct dma_buf *dma_buf_by_name(const struct machine *m, const char *name, size_t len);
/* The oldest (@b NULL), the next; NULL: no more. */
struct dma_buf *dma_buf_next(const struct machine *m, const struct dma_buf *b);
uint32_t dma_buf_holders(const struct machine *m, const struct dma_buf *b);
/* Page @i of it. */
uint64_t dma_buf_pfn(const struct machine *m, const struct dma_buf *b, uint64_t i);
/* dma_buf_export(): a file for @b, a heap block with pages in it. On failure @b stays the caller's. */
int dma_buf_export(struct machine *m, unsigned cpu, struct dma_buf *b, uint32_t flags, struct file **out);
/* Its inode's last holder is gone. */
void dma_buf_release(struct machine *m, unsigned cpu, struct inode *i);

/* Does a process's mapping of it fault its pages in one by one (else it has all entries at once)? */
static inline bool dma_buf_faults(const struct dma_buf *b)
{
	return b->cma != 0;
}

/* cma_heap_vm_fault(): page @index for a mapping of the buffer's inode. Errors: ENXIO (behind its end). */
int dma_buf_fault(struct machine *m, const struct inode *i, uint64_t index, uint64_t *pfn);
/* DMA_BUF_IOCTL_SYNC: every device that has it mapped is synced, in the direction of its own mapping, whatever the CPU says. */
int dma_buf_begin_cpu_access(struct machine *m, const struct dma_buf *b);
int dma_buf_end_cpu_access(struct machine *m, const struct dma_buf *b);
/* One kernel address for all who ask. Errors: ENOMEM, EDQUOT; EINVAL: nobody has. */
int dma_buf_vmap(struct machine *m, unsigned cpu, struct dma_buf *b, uint64_t *addr);
int dma_buf_vunmap(struct machine *m, unsigned cpu, struct dma_buf *b);

/* ---- attachments (dma_buf_attachment.c) ---- */

/* dma_buf_attach(): one more attachment of @d, which holds the buffer. Errors: EDQUOT. */
int dma_buf_attach(struct machine *m, struct dma_buf *b, struct device *d, struct dma_buf_attachment **out);
/* @d's attachment of that number; 0: its oldest. NULL (ENOENT): there is none. */
struct dma_buf_attachment *dma_buf_attachment_find(
	struct machine *m, const struct dma_buf *b, const struct device *d, uint64_t number);
/* The oldest attachment (@a NULL), the next; NULL: no more. */
struct dma_buf_attachment *dma_buf_attachment_next(
	const struct machine *m, const struct dma_buf *b, const struct dma_buf_attachment *a);
/* Errors: EBUSY (mapped). */
int dma_buf_detach(struct machine *m, unsigned cpu, struct dma_buf *b, struct dma_buf_attachment *a);
/* dma_buf_map_attachment(): *@sg are the segments, *@nr of them. Errors: EBUSY, dma_map_sg()'s. */
int dma_buf_map_attachment(struct machine *m, unsigned cpu, struct dma_buf *b, struct dma_buf_attachment *a,
	enum dma_data_direction dir, const struct scatterlist **sg, uint32_t *nr);
/* Errors: EINVAL (not mapped), dma_unmap_sg()'s. */
int dma_buf_unmap_attachment(
	struct machine *m, unsigned cpu, struct dma_buf *b, struct dma_buf_attachment *a);
/* How many attachments has the device? */
uint32_t dma_buf_attached(const struct machine *m, const struct device *d);

unsigned dma_buf_check(const struct machine *m, struct text *out);

#endif
