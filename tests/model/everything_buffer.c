/* SPDX-License-Identifier: MIT
 *
 * The model of everything: buffers that devices, processes and the kernel share (dma-buf).
 *
 *	who holds it     the model's file, each mapping of a process, each attachment: with the last of them it ends
 *	who has it       the CPUs, or the devices that have it mapped; begin_cpu_access and end_cpu_access change that
 *
 * While devices have it, no CPU looks. One device at most may write (it is mapped for both directions, the others are
 * readers): what it wrote reaches the others when the CPUs have had it in between, as with bounce buffers it must.
 * Processes map a part of it; what becomes of these mappings (fork, munmap, mremap, exit) is everything_process.c's.
 */
#include "model/everything.h"

#include "mm/core/link.h"
#include "mm/dma/dma_buf.h"
#include "mm/process/file.h"
#include "mm/process/syscalls.h"
#include "mm/process/task.h"

#include <criterion/criterion.h>
#include <string.h>

static struct dma_buf *buf_of(const struct everything *x, const struct shared *b)
{
	struct dma_buf *buf = dma_buf_find(x->m, b->ino);

	cr_assert(buf);
	return buf;
}

static struct dma_buf_attachment *attachment_of(
	const struct everything *x, const struct shared *b, const struct attached *a)
{
	struct dma_buf_attachment *at =
		dma_buf_attachment_find(x->m, buf_of(x, b), device_of(x, a->device), a->number);

	cr_assert(at);
	return at;
}

/* One that is there, if any is. */
static struct shared *any_shared(struct everything *x)
{
	unsigned i = dice(x, SHARED);

	for (unsigned n = 1; n < SHARED && !x->shared[i].used; n++)
		i = (i + 1) % SHARED;
	return &x->shared[i];
}

/* An attachment of it that is mapped, if any is. */
static unsigned any_mapped(struct everything *x, const struct shared *b)
{
	unsigned i = dice(x, ATTACHED);

	for (unsigned n = 1; n < ATTACHED && !b->attached[i].mapped; n++)
		i = (i + 1) % ATTACHED;
	return i;
}

static unsigned nr_mapped(const struct shared *b)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ATTACHED; i++)
		n += b->attached[i].mapped;
	return n;
}

/* ---- who holds it ---- */

void shared_settle(struct everything *x)
{
	for (unsigned i = 0; i < SHARED; i++) {
		struct shared *b = &x->shared[i];
		unsigned holders = b->file_at != 0;

		if (!b->used)
			continue;
		for (unsigned p = 0; p < TASKS; p++)
			for (unsigned k = 0; k < SLOTS && x->process[p].pid; k++)
				holders += x->process[p].slot[k].kind == SLOT_BUFFER &&
					   x->process[p].slot[k].store == i;
		for (unsigned k = 0; k < ATTACHED; k++)
			holders += b->attached[k].used;
		const struct dma_buf *buf = dma_buf_find(x->m, b->ino);

		expect(x, (buf != NULL) == (holders != 0));
		expect(x, !buf || dma_buf_holders(x->m, buf) == holders);
		if (!holders)
			memset(b, 0, sizeof(*b));
	}
}

static void act_heap(struct everything *x)
{
	struct shared *b = &x->shared[dice(x, SHARED)];
	uint32_t bytes = 1 + dice(x, SHARED_PAGES * PAGE), heaps = 0;
	struct file *f;

	if (b->used)
		return;
	while (dma_heap_nth(x->m, heaps))
		heaps++;
	const char *heap = dma_heap_nth(x->m, dice(x, heaps));

	arm(x);
	int err = dma_heap_alloc(x->m, any_cpu(x), heap, strlen(heap), bytes, FILE_RDWR, &f);
	/* A contiguous area may have nothing for it, or somebody in it who cannot leave. */
	if (starved(x, err == -EBUSY ? -ENOMEM : err, true))
		return;
	expect(x, !err);
	memset(b, 0, sizeof(*b));
	b->used = true;
	b->file_at = machine_ref(x->m, f);
	b->pages = (uint8_t)((bytes + PAGE - 1) / PAGE);
	b->ino = dma_buf_of_inode(x->m, machine_at(x->m, f->inode_at))->ino;
}

static void act_close(struct everything *x)
{
	struct shared *b = any_shared(x);

	if (!b->used || !b->file_at)
		return;
	uint64_t at = b->file_at;

	b->file_at = 0;
	file_put(x->m, any_cpu(x), machine_at(x->m, at));
	shared_settle(x);
}

static void act_mmap(struct everything *x)
{
	struct process *p = any_process(x);
	struct shared *b = any_shared(x);
	unsigned i = (unsigned)(b - x->shared), k = dice(x, SLOTS);
	struct slot *s = &p->slot[k];
	uint64_t out;

	if (!b->used || !b->file_at || s->kind)
		return;
	unsigned first = dice(x, b->pages), pages = 1 + dice(x, b->pages - first);

	pages = pages < SLOT_PAGES ? pages : SLOT_PAGES;
	arm(x);
	int err = sys_mmap(x->m, task_of(x, p), va_of(k, 0), (uint64_t)pages * PAGE,
		PROT_READ_ | PROT_WRITE_,
		MAP_SHARED_ | MAP_FIXED_ | (dice(x, 2) ? MAP_POPULATE_ : 0),
		machine_at(x->m, b->file_at), (uint64_t)first * PAGE, NULL, &out);
	if (starved(x, err, false))
		return;
	expect(x, !err && out == va_of(k, 0));
	memset(s, 0, sizeof(*s));
	s->kind = SLOT_BUFFER;
	s->store = (uint8_t)i;
	s->first = (uint8_t)first;
	s->pages = (uint8_t)pages;
}

/* ---- devices ---- */

static void act_attach(struct everything *x)
{
	struct shared *b = any_shared(x);
	struct attached *a = &b->attached[dice(x, ATTACHED)];
	unsigned device = dice(x, DEVICES);
	struct dma_buf_attachment *out;

	if (!b->used || a->used)
		return;
	expect(x, !dma_buf_attach(x->m, buf_of(x, b), device_of(x, device), &out));
	*a = (struct attached){.used = true, .device = (uint8_t)device, .number = out->number};
}

static void act_detach(struct everything *x)
{
	struct shared *b = any_shared(x);
	struct attached *a = &b->attached[dice(x, ATTACHED)];

	if (!b->used || !a->used)
		return;
	int err = dma_buf_detach(x->m, any_cpu(x), buf_of(x, b), attachment_of(x, b, a));

	expect(x, err == (a->mapped ? -EBUSY : 0));
	if (!err)
		memset(a, 0, sizeof(*a));
	shared_settle(x);
}

static void cpus_have_it(struct everything *x, struct shared *b)
{
	finish_transfers(x);
	expect(x, !dma_buf_begin_cpu_access(x->m, buf_of(x, b)));
	b->with_devices = false;
	b->writer = 0;
}

static void devices_have_it(struct everything *x, struct shared *b)
{
	expect(x, !dma_buf_end_cpu_access(x->m, buf_of(x, b)));
	b->with_devices = true;
}

static bool has_writer(const struct shared *b)
{
	for (unsigned i = 0; i < ATTACHED; i++)
		if (b->attached[i].mapped && b->attached[i].dir == DMA_BIDIRECTIONAL)
			return true;
	return false;
}

static void act_map(struct everything *x)
{
	struct shared *b = any_shared(x);
	struct attached *a = &b->attached[dice(x, ATTACHED)];
	const struct scatterlist *sg;

	if (!b->used || !a->used || a->mapped)
		return;
	if (b->with_devices)
		cpus_have_it(x, b);
	a->dir = has_writer(b) || dice(x, 2) ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL;
	arm(x);
	int err = dma_buf_map_attachment(x->m, any_cpu(x), buf_of(x, b), attachment_of(x, b, a),
		(enum dma_data_direction)a->dir, &sg, &a->nr_dma);
	/* Bounce buffers may be used up. */
	if (starved(x, err, true))
		return;
	expect(x, !err);
	a->mapped = true;
	b->with_devices = nr_mapped(b) == 1;
}

static void unmap(struct everything *x, struct shared *b, struct attached *a)
{
	finish_transfers(x);
	if (!b->with_devices)
		devices_have_it(x, b);
	expect(x,
		!dma_buf_unmap_attachment(x->m, any_cpu(x), buf_of(x, b), attachment_of(x, b, a)));
	if (a->dir == DMA_BIDIRECTIONAL && b->writer)
		b->writer = WRITER_STALE;
	a->mapped = false;
	if (!nr_mapped(b)) {
		b->with_devices = false;
		b->writer = 0;
	}
}

static void act_unmap(struct everything *x)
{
	struct shared *b = any_shared(x);
	struct attached *a = &b->attached[dice(x, ATTACHED)];

	if (b->used && a->mapped)
		unmap(x, b, a);
}

static void act_sync(struct everything *x)
{
	struct shared *b = any_shared(x);

	if (!b->used || !nr_mapped(b))
		return;
	if (b->with_devices)
		cpus_have_it(x, b);
	else
		devices_have_it(x, b);
}

static const struct scatterlist *segments_of(
	const struct everything *x, const struct shared *b, const struct attached *a)
{
	return machine_at(x->m, attachment_of(x, b, a)->sg_at);
}

static void act_transfer(struct everything *x)
{
	struct shared *b = any_shared(x);
	unsigned i = any_mapped(x, b);
	struct attached *a = &b->attached[i];
	uint32_t left, at;

	if (!b->used || !a->mapped || !b->with_devices)
		return;
	at = dice(x, b->pages * PAGE);
	uint64_t dma = dma_of(segments_of(x, b, a), a->nr_dma, at, &left);
	uint32_t n = 1 + dice(x, left);

	if (a->dir == DMA_BIDIRECTIONAL && b->writer != WRITER_STALE && dice(x, 2)) {
		device_writes(x, a->device, dma, b->bytes + at, n);
		b->writer = (uint8_t)(i + 1);
	} else if (!b->writer || b->writer == i + 1) {
		device_reads(x, a->device, dma, b->bytes + at, n);
	}
}

/* ---- the kernel's address ---- */

static void act_vmap(struct everything *x)
{
	struct shared *b = any_shared(x);
	uint64_t at;

	if (!b->used)
		return;
	arm(x);
	int err = dma_buf_vmap(x->m, any_cpu(x), buf_of(x, b), &at);

	if (starved(x, err, false))
		return;
	expect(x, !err && (!b->vmaps || b->vmap == at));
	b->vmap = at;
	b->vmaps++;
}

static void act_vunmap(struct everything *x)
{
	struct shared *b = any_shared(x);

	if (!b->used || !b->vmaps)
		return;
	expect(x, !dma_buf_vunmap(x->m, any_cpu(x), buf_of(x, b)));
	b->vmaps--;
}

static void act_vmap_access(struct everything *x)
{
	struct shared *b = any_shared(x);
	uint32_t at = dice(x, SHARED_PAGES * PAGE / 4) * 4;

	if (b->used && b->vmaps && !b->with_devices && at < b->pages * PAGE)
		kernel_access(x, b->vmap + at, b->bytes + at);
}

/* ---- all of it ---- */

uint64_t shared_pfn(const struct everything *x, unsigned i, unsigned page)
{
	return dma_buf_pfn(x->m, buf_of(x, &x->shared[i]), page);
}

/* Those devices read all of it that can know what the latest writer wrote. */
static void devices_look(struct everything *x, const struct shared *b)
{
	for (unsigned i = 0; i < ATTACHED; i++) {
		const struct attached *a = &b->attached[i];

		if (a->mapped && (!b->writer || b->writer == i + 1))
			device_reads_all(x, a->device, segments_of(x, b, a), a->nr_dma, b->bytes,
				b->pages * PAGE);
	}
}

void shared_look(struct everything *x)
{
	shared_settle(x);
	for (unsigned i = 0; i < SHARED; i++) {
		const struct shared *b = &x->shared[i];

		for (unsigned k = 0; k < b->pages && !b->with_devices; k++)
			same_phys(x, shared_pfn(x, i, k) << PAGE_SHIFT, b->bytes + k * PAGE, PAGE);
		if (b->with_devices)
			devices_look(x, b);
	}
}

void shared_end(struct everything *x)
{
	for (unsigned i = 0; i < SHARED; i++) {
		struct shared *b = &x->shared[i];

		for (unsigned k = 0; k < ATTACHED && b->used; k++)
			if (b->attached[k].mapped)
				unmap(x, b, &b->attached[k]);
	}
	shared_look(x);
	for (unsigned n = 0; n < 300; n++) {
		act_detach(x);
		act_close(x);
	}
}

const struct act shared_acts[] = {{"heap", act_heap, 4}, {"close", act_close, 1},
	{"mmap buffer", act_mmap, 4}, {"attach", act_attach, 4}, {"detach", act_detach, 1},
	{"map attachment", act_map, 5}, {"unmap attachment", act_unmap, 2}, {"sync", act_sync, 5},
	{"buffer transfer", act_transfer, 10}, {"vmap buffer", act_vmap, 2},
	{"vunmap buffer", act_vunmap, 1}, {"vmapped access", act_vmap_access, 3}, {NULL, NULL, 0}};
