/* SPDX-License-Identifier: MIT
 *
 * dma-buf as calls: a process gets a buffer from a heap and maps its file, drivers attach and map it for their devices.
 *
 *	fd = dma_heap_alloc system 1M             (PID/ctl)
 *	dma_buf_set_name fd frame
 *	dma_buf_attach frame                      (sim/devices/camera/ctl)
 *	dma_buf_map_attachment frame DMA_FROM_DEVICE s
 *
 * And the files: sys/kernel/debug/dma_buf/bufinfo, dev/dma_heap, sys/class/dma_heap.
 * Formats of drivers/dma-buf/dma-buf.c, dma-heap.c of 6.1.
 */
#include "view/call.h"

#include "base/parse.h"
#include "mm/dma/dma_buf.h"
#include "mm/process/file.h"
#include "mm/process/task.h"
#include "view/calls_process.h"
#include "view/device.h"
#include "view/files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

/* ---- which buffer ---- */

static struct dma_buf *buffer_of_file(struct machine *m, const struct file *f)
{
	struct dma_buf *b = f ? dma_buf_of_inode(m, machine_at(m, f->inode_at)) : NULL;

	if (f && !b)
		refuse(&m->why, EINVAL, "this file is no dma-buf: dma_heap_alloc makes some");
	return b;
}

/* PID:FD, where PID may be a name of sim/tasks. */
static struct dma_buf *buffer_of_fd(struct call *c, const struct call_value *a, size_t colon)
{
	uint64_t pid, fd;
	bool number = parse_u64(a->word, colon, 10, &pid);
	struct task *t = number ? task_find(c->m, pid <= UINT32_MAX ? (uint32_t)pid : 0)
				: task_by_name(c->m, a->word, colon);

	if (!t || !parse_u64(a->word + colon + 1, a->len - colon - 1, 10, &fd)) {
		refuse_at(&c->m->why, ENOENT, a->column, (uint32_t)a->len,
			"%.*s is no PID:FD of an open file", (int)a->len, a->word);
		return NULL;
	}
	return buffer_of_file(c->m, task_file(c->m, t, fd));
}

static struct dma_buf *find_buffer(struct call *c, unsigned arg)
{
	const struct call_value *a = &c->arg[arg];
	const char *colon = memchr(a->word, ':', a->len);
	struct dma_buf *b;
	uint64_t ino;

	if (colon)
		return buffer_of_fd(c, a, (size_t)(colon - a->word));
	b = parse_u64(a->word, a->len, 10, &ino) ? dma_buf_find(c->m, ino)
						 : dma_buf_by_name(c->m, a->word, a->len);
	if (!b)
		refuse_at(&c->m->why, ENOENT, a->column, (uint32_t)a->len,
			"there is no dma-buf %.*s: its name, its number in "
			"sys/kernel/debug/dma_buf/bufinfo, or PID:FD is asked",
			(int)a->len, a->word);
	return b;
}

/* ---- a process's ---- */

int call_dma_heap_alloc(struct call *c)
{
	uint32_t flags = (uint32_t)c->arg[2].number;
	struct file *f;
	int err = dma_heap_alloc(
		c->m, c->cpu, c->arg[0].word, c->arg[0].len, c->arg[1].number, flags, &f);

	if (err)
		return err;
	int fd = task_install_fd(c->m, c->task, f, -1);
	if (fd < 0)
		return fd;
	task_set_cloexec(c->m, c->task, (uint64_t)fd, flags & FILE_CLOEXEC);
	return answer_number(c, (uint64_t)fd);
}

static struct dma_buf *buffer_of_arg(struct call *c)
{
	return buffer_of_file(c->m, task_file(c->m, c->task, c->arg[0].number));
}

int call_dma_buf_sync(struct call *c)
{
	uint64_t flags = c->arg[1].number;
	struct dma_buf *b = buffer_of_arg(c);

	if (!b)
		return -c->m->why.err;
	if (flags & ~(uint64_t)7 || !(flags & 3))
		return refuse(&c->m->why, EINVAL,
			"DMA_BUF_IOCTL_SYNC wants to know whether the CPU reads or writes: "
			"DMA_BUF_SYNC_READ, _WRITE or _RW");
	return answer_zero(
		c, flags & 4 ? dma_buf_end_cpu_access(c->m, b) : dma_buf_begin_cpu_access(c->m, b));
}

int call_dma_buf_set_name(struct call *c)
{
	struct dma_buf *b = buffer_of_arg(c);
	const struct call_value *a = &c->arg[1];
	char name[DMA_BUF_NAME_MAX];

	if (!b)
		return -c->m->why.err;
	if (!a->len || a->len >= DMA_BUF_NAME_MAX || memchr(a->word, ':', a->len))
		return refuse_at(&c->m->why, EINVAL, a->column, (uint32_t)a->len,
			"a name of 1 to %d bytes, without a colon", DMA_BUF_NAME_MAX - 1);
	snprintf(name, sizeof(name), "%.*s", (int)a->len, a->word);
	const struct file *f = machine_at(c->m, b->file_at);
	int err = dmabuf_inode_rename(c->m, machine_at(c->m, f->inode_at), name);

	if (!err)
		memcpy(b->name, name, sizeof(name));
	return answer_zero(c, err);
}

/* ---- a driver's ---- */

int call_dma_buf_attach(struct call *c)
{
	struct dma_buf *b = find_buffer(c, 0);
	struct dma_buf_attachment *a;
	int err = b ? dma_buf_attach(c->m, b, view_device(c->v), &a) : -c->m->why.err;

	return err ? err : answer_number(c, a->number);
}

/* The attachment of this device to the buffer of the first argument, by the number in argument @arg. */
static struct dma_buf_attachment *find_attachment(struct call *c, unsigned arg, struct dma_buf **b)
{
	*b = find_buffer(c, 0);
	return *b ? dma_buf_attachment_find(c->m, *b, view_device(c->v), c->arg[arg].number) : NULL;
}

int call_dma_buf_detach(struct call *c)
{
	struct dma_buf *b;
	struct dma_buf_attachment *a = find_attachment(c, 1, &b);

	return a ? dma_buf_detach(c->m, c->cpu, b, a) : -c->m->why.err;
}

int call_dma_buf_map_attachment(struct call *c)
{
	const struct call_value *name = &c->arg[2];
	const struct scatterlist *sg;
	struct dma_buf *b;
	struct dma_buf_attachment *a = find_attachment(c, 3, &b);
	uint32_t nr;

	if (!a)
		return -c->m->why.err;
	if (!var_name_ok(name->word, name->len))
		return refuse_at(&c->m->why, EINVAL, name->column, (uint32_t)name->len,
			"a list's name has letters, digits and _, and does not begin with a digit");
	int err = dma_buf_map_attachment(
		c->m, c->cpu, b, a, (enum dma_data_direction)c->arg[1].number, &sg, &nr);
	if (err)
		return err;
	err = name_segments(c, 2, sg, nr, c->arg[1].number);
	if (err) {
		struct refusal why = c->m->why;

		(void)dma_buf_unmap_attachment(c->m, c->cpu, b, a);
		c->m->why = why;
		return err;
	}
	text_dec(c->result, nr, 0);
	return 0;
}

int call_dma_buf_unmap_attachment(struct call *c)
{
	struct dma_buf *b;
	struct dma_buf_attachment *a = find_attachment(c, 1, &b);

	return a ? dma_buf_unmap_attachment(c->m, c->cpu, b, a) : -c->m->why.err;
}

int call_dma_buf_begin_cpu_access(struct call *c)
{
	struct dma_buf *b = find_buffer(c, 0);

	return b ? dma_buf_begin_cpu_access(c->m, b) : -c->m->why.err;
}

int call_dma_buf_end_cpu_access(struct call *c)
{
	struct dma_buf *b = find_buffer(c, 0);

	return b ? dma_buf_end_cpu_access(c->m, b) : -c->m->why.err;
}

int call_dma_buf_vmap(struct call *c)
{
	struct dma_buf *b = find_buffer(c, 0);
	uint64_t addr;
	int err = b ? dma_buf_vmap(c->m, c->cpu, b, &addr) : -c->m->why.err;

	return err ? err : answer_address(c, addr, b->bytes);
}

int call_dma_buf_vunmap(struct call *c)
{
	struct dma_buf *b = find_buffer(c, 0);

	return b ? dma_buf_vunmap(c->m, c->cpu, b) : -c->m->why.err;
}

/* ---- files ---- */

static void put_buffer(const struct machine *m, const struct dma_buf *b, struct text *out)
{
	const struct file *f = machine_at(m, b->file_at);
	/* FMODE_READ, FMODE_WRITE by O_ACCMODE; FMODE_LSEEK and FMODE_OPENED. */
	unsigned mode = ((f->flags & FILE_ACCMODE) + 1) | 0x80004;

	text_printf(out, "%08llu\t%08x\t%08x\t%08u\t%s\t%08llu\t%s\n", (ull)b->bytes,
		f->flags & FILE_ACCMODE, mode, f->refcount, b->exporter, (ull)b->ino,
		b->name[0] ? b->name : "<none>");
	text_puts(out, "\tAttached Devices:\n");
	for (const struct dma_buf_attachment *a = dma_buf_attachment_next(m, b, NULL); a;
		a = dma_buf_attachment_next(m, b, a))
		text_printf(out, "\t%s\n", device_find(m, a->device)->name);
	text_printf(out, "Total %u devices attached\n\n", b->nr_attachments);
}

int show_bufinfo(struct view *v, struct text *out)
{
	const struct machine *m = v->m;
	uint64_t bytes = 0;

	text_puts(out, "\nDma-buf Objects:\n");
	text_printf(out, "%-8s\t%-8s\t%-8s\t%-8s\texp_name\t%-8s\tname\n", "size", "flags", "mode",
		"count", "ino");
	for (const struct dma_buf *b = dma_buf_next(m, NULL); b; b = dma_buf_next(m, b)) {
		put_buffer(m, b, out);
		bytes += b->bytes;
	}
	text_printf(out, "\nTotal %u objects, %llu bytes\n", m->devices.dma_bufs.nr, (ull)bytes);
	return 0;
}

static int heap_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	const char *heap;

	for (unsigned i = 0; (heap = dma_heap_nth(v->m, i)); i++)
		if (strlen(heap) == len && !memcmp(heap, name, len)) {
			*value = i;
			return 0;
		}
	return -ENOENT;
}

static bool heap_list(struct view *v, uint64_t *key, char *name, size_t cap)
{
	const char *heap = *key < 64 ? dma_heap_nth(v->m, (unsigned)*key) : NULL;

	if (heap)
		snprintf(name, cap, "%s", heap);
	return heap != NULL;
}

static void heap_print(struct view *v, uint64_t value, char *name, size_t cap)
{
	const char *heap = dma_heap_nth(v->m, (unsigned)value);

	snprintf(name, cap, "%s", heap ? heap : "");
}

const struct arg_ops arg_dma_heap = {.parse = heap_parse, .next = heap_list, .print = heap_print};

/* The first major number that alloc_chrdev_region() finds free, counted down. */
enum { DMA_HEAP_MAJOR = 252 };

int show_dma_heap_dev(struct view *v, struct text *out)
{
	text_printf(out, "%d:%u\n", DMA_HEAP_MAJOR, (unsigned)v->arg[0]);
	return 0;
}

int show_dma_heap_uevent(struct view *v, struct text *out)
{
	text_printf(out, "MAJOR=%d\nMINOR=%u\nDEVNAME=dma_heap/%s\n", DMA_HEAP_MAJOR,
		(unsigned)v->arg[0], dma_heap_nth(v->m, (unsigned)v->arg[0]));
	return 0;
}
