/* SPDX-License-Identifier: MIT
 *
 * A program's segments: where the linker put them, and how the loader maps them.
 *
 *	file     | headers | text   | rodata | data |                  separate code (x86):  r--  r-x  r--  rw-
 *	memory   | headers | text   | rodata |   gap  | data | bss |   else:                 r-x            rw-
 *	                                                  └ the page that holds both: its tail is cleared
 *
 * Data begins in the file where rodata ends, and in memory so far behind that no page holds both: the linker's largest
 * page further (on x86 the next one), so one page of the file may be mapped twice, with different rights. A program that
 * says where its data lies (data_at) has it there.
 *
 * Where the whole lies: at its linked address; position-independent programs at ELF_ET_DYN_BASE and some random pages, a
 * loader among the mappings. Behind the last byte the heap begins, some random pages further when randomize_va_space is 2.
 *
 * Follows load_elf_binary(), elf_map(), set_brk(), padzero() of fs/binfmt_elf.c of 6.1.
 */
#include "mm/process/exec_internal.h"

#include "mm/process/access.h"
#include "mm/process/file.h"
#include "mm/process/mm.h"
#include "mm/process/syscalls.h"

#include <assert.h>
#include <errno.h>

#define VM_MAY ((uint64_t)(VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC))

/* ---- the linker's part ---- */

static void add(struct exec_segment *s, unsigned *nr, uint64_t va, uint64_t offset,
	uint64_t file_bytes, uint64_t mem_bytes, uint64_t prot)
{
	if (mem_bytes)
		s[(*nr)++] = (struct exec_segment){va, offset, file_bytes, mem_bytes, prot};
}

/* Where data begins, given where rodata ends: offsets in memory and in the file. */
static void place_data(const struct exec_layout *l, const struct program *p, uint64_t end,
	uint64_t *at, uint64_t *offset)
{
	*offset = p->data_offset ? p->data_offset : p->data_at ? p->data_at : end;
	*at = p->data_at;
	if (!*at)
		*at = end % PAGE_BYTES || l->gap > PAGE_BYTES ? end + l->gap : end;
}

/* The segments of @p when it lies at @base: how many. */
static unsigned exec_segments(const struct exec_layout *l, const struct program *p, uint64_t base,
	struct exec_segment s[EXEC_SEGMENTS])
{
	uint64_t end = p->headers, at, offset;
	unsigned nr = 0;

	if (l->separate_code) {
		add(s, &nr, base, 0, end, end, VM_READ);
		end = p->text ? page_align(end) : end;
		add(s, &nr, base + end, end, p->text, p->text, VM_READ | VM_EXEC);
		end = p->rodata ? page_align(end + p->text) : end + p->text;
		add(s, &nr, base + end, end, p->rodata, p->rodata, VM_READ);
		end += p->rodata;
	} else {
		end += p->text + p->rodata;
		add(s, &nr, base, 0, end, end, VM_READ | VM_EXEC);
	}
	place_data(l, p, end, &at, &offset);
	add(s, &nr, base + at, offset, p->data, p->data + p->bss, VM_READ | VM_WRITE);
	return nr;
}

uint64_t exec_file_bytes(const struct exec_layout *l, const struct program *p)
{
	struct exec_segment s[EXEC_SEGMENTS];
	uint64_t bytes = 0;

	for (unsigned nr = exec_segments(l, p, 0, s), i = 0; i < nr; i++)
		if (s[i].file_bytes && s[i].offset + s[i].file_bytes > bytes)
			bytes = s[i].offset + s[i].file_bytes;
	return bytes;
}

/* From the first byte to behind the last one. */
static uint64_t span(const struct exec_segment *s, unsigned nr)
{
	return nr ? s[nr - 1].va + s[nr - 1].mem_bytes - page_align_down(s[0].va) : 0;
}

/* Segments must not reach into each other's pages, nor lie across the end of all addresses. */
static int check_segments(struct exec *x, const struct exec_segment *s, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		uint64_t end = s[i].va + s[i].mem_bytes;

		if (end < s[i].va || page_align(end) > x->mm->task_size)
			return refuse(&x->m->why, ENOMEM,
				"the program's segment at 0x%llx does not fit below 0x%llx",
				(unsigned long long)s[i].va, (unsigned long long)x->mm->task_size);
		if ((s[i].va ^ s[i].offset) % PAGE_BYTES)
			return refuse(&x->m->why, EINVAL,
				"data_at and data_offset must agree in their place in the page");
		if (i && page_align_down(s[i].va) < page_align(s[i - 1].va + s[i - 1].mem_bytes))
			return refuse(&x->m->why, EINVAL,
				"the program's segment at 0x%llx begins in a page of the one "
				"before",
				(unsigned long long)s[i].va);
	}
	return 0;
}

/* ---- the loader's part ---- */

int exec_put(struct exec *x, uint64_t at, const void *data, uint64_t bytes)
{
	char copy[256];

	while (bytes) {
		uint64_t n = bytes < sizeof(copy) ? bytes : sizeof(copy);
		const char *from = data;

		for (uint64_t i = 0; i < n; i++)
			copy[i] = from ? from[i] : 0;
		int64_t done = access_process_vm(x->m, x->cpu, x->mm, at, copy, n, true);

		if (done == -EDQUOT)
			return -EDQUOT;
		if (done != (int64_t)n)
			return refuse(&x->m->why, ENOMEM, "no page for the new program at 0x%llx",
				(unsigned long long)at);
		at += n;
		bytes -= n;
		data = from ? from + n : NULL;
	}
	return 0;
}

static int map(struct exec *x, const struct exec_segment *s, struct file *f)
{
	uint64_t file_end = s->va + s->file_bytes, start = page_align_down(s->va);
	struct vma *v;
	int err = 0;

	if (s->file_bytes)
		err = do_mmap(x->m, x->cpu, x->mm, start, page_align(file_end) - start,
			s->prot | VM_MAY, f, s->offset >> PAGE_SHIFT, VMA_PLAIN, &v);
	else
		file_end = start;
	uint64_t bss = page_align(file_end), end = page_align(s->va + s->mem_bytes);

	if (!err && bss < end)
		err = do_mmap(x->m, x->cpu, x->mm, bss, end - bss, s->prot | VM_MAY, NULL, 0,
			VMA_PLAIN, &v);
	/* padzero(): the file's page goes on behind the data. */
	if (!err && s->mem_bytes > s->file_bytes && file_end % PAGE_BYTES)
		err = exec_put(x, file_end, NULL, bss - file_end);
	return err;
}

static int map_all(struct exec *x, const struct exec_segment *s, unsigned nr, struct file *f)
{
	int err = check_segments(x, s, nr);

	for (unsigned i = 0; i < nr && !err; i++)
		err = map(x, &s[i], f);
	return err;
}

static uint64_t program_base(const struct exec *x)
{
	uint64_t base = x->l->pie_base;

	if (x->p->base)
		return x->p->base;
	if (!x->p->pie)
		return x->l->base;
	if (!base)
		base = page_align_down(mm_map_window(x->m) / 3 * 2);
	return base + mm_random(x->m, 1, (unsigned)x->m->sysctls.value[SYSCTL_mmap_rnd_bits]);
}

static void set_bounds(struct mm *mm, const struct exec_segment *s, unsigned nr)
{
	mm->start_code = UINT64_MAX;
	for (unsigned i = 0; i < nr; i++) {
		uint64_t end = s[i].va + s[i].file_bytes;

		if (s[i].prot & VM_EXEC) {
			mm->start_code = s[i].va < mm->start_code ? s[i].va : mm->start_code;
			mm->end_code = end > mm->end_code ? end : mm->end_code;
		}
		mm->start_data = s[i].va > mm->start_data ? s[i].va : mm->start_data;
		mm->end_data = end > mm->end_data ? end : mm->end_data;
	}
	if (mm->start_code == UINT64_MAX)
		mm->start_code = 0;
}

static void place_heap(struct exec *x, const struct exec_segment *last)
{
	uint64_t brk = last ? page_align(last->va + last->mem_bytes) : page_align(x->base);

	if (x->p->brk)
		brk = x->p->brk;
	else
		brk += mm_random(x->m, 2, x->l->brk_bits);
	x->mm->start_brk = x->mm->brk = brk;
}

static uint64_t entry_of(const struct program *p, uint64_t base, const struct exec_layout *l)
{
	return base + (p->entry			 ? p->entry
			      : l->separate_code ? page_align(p->headers)
						 : p->headers);
}

static int load_interp(struct exec *x, struct file *f)
{
	const struct program *p = x->p->interp;
	struct exec_segment s[EXEC_SEGMENTS];
	unsigned nr = exec_segments(x->l, p, p->base, s);
	int err = 0;

	x->interp_base = p->base;
	if (!p->base)
		err = get_unmapped_area(x->m, x->mm, 0, page_align(span(s, nr)), &x->interp_base);
	if (err)
		return err;
	nr = exec_segments(x->l, p, x->interp_base, s);
	x->interp_entry = entry_of(p, x->interp_base, x->l);
	return map_all(x, s, nr, f);
}

int exec_load(struct exec *x, struct file *interp)
{
	struct exec_segment s[EXEC_SEGMENTS];

	x->base = program_base(x);
	x->entry = entry_of(x->p, x->base, x->l);
	unsigned nr = exec_segments(x->l, x->p, x->base, s);
	int err = map_all(x, s, nr, x->file);

	if (err)
		return err;
	set_bounds(x->mm, s, nr);
	place_heap(x, nr ? &s[nr - 1] : NULL);
	return interp ? load_interp(x, interp) : 0;
}
