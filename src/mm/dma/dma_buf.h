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

/* A device that uses the buffer. */
struct dma_buf_attachment {
	uint32_t device; /* id */
	uint8_t mapped, dir;
	uint16_t unused;
	uint32_t nr_segments; /* what the device is told */
	uint64_t sg_at;	      /* heap block of struct scatterlist [nr_blocks] while it is mapped */
	uint64_t next;	      /* offset of the next one, 0: none */
};

/* A heap block; 1 << order pages of it lie side by side. */
struct dma_buf_block {
	uint64_t pfn;
	uint32_t order;
	uint32_t first; /* page of the buffer */
};

struct dma_buf {
	char exporter[DMA_BUF_NAME_MAX]; /* "system" */
	char name[DMA_BUF_NAME_MAX];	 /* DMA_BUF_SET_NAME; "": none */
	uint64_t ino;
	uint64_t bytes;
	uint64_t file_at;	/* the struct file; it does not count as a holder */
	uint64_t blocks_at;	/* heap block of struct dma_buf_block [cap_blocks] */
	uint32_t nr_blocks, cap_blocks;
	uint64_t attachments;	/* offset of the first; oldest first */
	uint32_t nr_attachments;
	uint32_t nr_vmaps;
	uint64_t vmap_address;
	uint64_t next;		/* the next buffer of the machine, oldest first; 0: none */
};

/* ---- heaps (dma_heap.c) ---- */

/* The heaps' names, NULL behind the last. */
const char *dma_heap_nth(const struct machine *m, unsigned i);
/* DMA_HEAP_IOCTL_ALLOC: a buffer of @bytes, rounded up to pages, and the file that holds it (the caller's reference).
 * Errors: ENODEV (no such heap), EINVAL (0 bytes, or flags), ENOMEM, EDQUOT. */
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

/* Errors: EEXIST (6.1 allows it, but then a device could not tell which), EDQUOT. */
int dma_buf_attach(struct machine *m, struct dma_buf *b, struct device *d);
/* Errors: ENOENT, EBUSY (mapped). */
int dma_buf_detach(struct machine *m, unsigned cpu, struct dma_buf *b, struct device *d);
struct dma_buf_attachment *dma_buf_attachment_of(
	const struct machine *m, const struct dma_buf *b, const struct device *d);
/* dma_buf_map_attachment(): *@sg are the segments, *@nr of them. Errors: ENOENT (not attached), EBUSY, dma_map_sg()'s. */
int dma_buf_map_attachment(struct machine *m, unsigned cpu, struct dma_buf *b, struct device *d,
	enum dma_data_direction dir, const struct scatterlist **sg, uint32_t *nr);
int dma_buf_unmap_attachment(struct machine *m, unsigned cpu, struct dma_buf *b, struct device *d);
/* DMA_BUF_IOCTL_SYNC: every device that has it mapped is synced. */
int dma_buf_begin_cpu_access(
	struct machine *m, unsigned cpu, struct dma_buf *b, enum dma_data_direction dir);
int dma_buf_end_cpu_access(
	struct machine *m, unsigned cpu, struct dma_buf *b, enum dma_data_direction dir);
/* One kernel address for all who ask. Errors: ENOMEM, EDQUOT; EINVAL: nobody has. */
int dma_buf_vmap(struct machine *m, unsigned cpu, struct dma_buf *b, uint64_t *addr);
int dma_buf_vunmap(struct machine *m, unsigned cpu, struct dma_buf *b);
/* How many buffers is the device attached to? */
uint32_t dma_buf_attached(const struct machine *m, const struct device *d);

unsigned dma_buf_check(const struct machine *m, struct text *out);

#endif
