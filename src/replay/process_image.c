/* SPDX-License-Identifier: MIT
 *
 * execve() of a recorded program: what the kernel and the loader's own mapping made, put where the recording shows it.
 *
 * task_exec() makes the address space, the stack with its arguments and the rest as for any program of that name. Then,
 * for a program of which the recording shows parts (image.h), everything but the stack is taken away again and mapped as
 * guessed:
 *
 *	exe	r-- r-x r-- rw- of its file, rw- anonymous behind it;	the heap begins at its end or where brk() said
 *	interp	the same of the interpreter's file
 *	[vvar], [vdso]	where the loader read its header
 *
 * The stack is where the kernel of this machine puts it, unless the recorded one is elsewhere (randomization): then it is
 * asked for there.
 *
 * And what it shows of the page cache: a fault with which fewer pages came than fault-around would map found some that were
 * not there.
 *
 * Left out: the interpreter's real name; it shows as /lib/ld.so.
 */
#include "mm/process/file.h"
#include "mm/process/fault.h"
#include "mm/process/pgtables.h"
#include "mm/process/user_page.h"
#include "mm/process/mm.h"
#include "mm/process/syscalls.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"
#include "replay/process_internal.h"

#include <errno.h>

static int unmap_all(struct actor *a, struct mm *mm, bool but_stack)
{
	for (struct vma *v = vma_first(a->m, &mm->vmas); v;) {
		uint64_t end = v->end;

		if (!but_stack || !(v->flags & VM_GROWSDOWN)) {
			int err = do_munmap(a->m, a->t->cpu, mm, v->start, end - v->start);

			if (err)
				return err;
		}
		v = vma_find(a->m, &mm->vmas, end);
	}
	return 0;
}

static int map_part(
	struct actor *a, struct file *f, uint64_t base, uint64_t start, uint64_t end, unsigned prot)
{
	unsigned flags = MAP_PRIVATE_ | MAP_FIXED_ | (f ? 0u : (unsigned)MAP_ANONYMOUS_);
	uint64_t out;
	int err = 0;

	if (start >= end)
		return 0;
	if (f)
		err = prepare_file(a, f, start, end - start, start - base);
	return err ? err
		   : sys_mmap(a->m, a->t, start, end - start, prot, flags, f, f ? start - base : 0,
			     NULL, &out);
}

static int map_segments(struct actor *a, const struct image *i, struct file *f)
{
	int err = map_part(a, f, i->base, i->base, i->text, PROT_READ_);

	err = err ? err : map_part(a, f, i->base, i->text, i->rodata, PROT_READ_ | PROT_EXEC_);
	err = err ? err : map_part(a, f, i->base, i->rodata, i->data, PROT_READ_);
	err = err ? err : map_part(a, f, i->base, i->data, i->bss, PROT_READ_ | PROT_WRITE_);
	return err ? err : map_part(a, NULL, i->base, i->bss, i->end, PROT_READ_ | PROT_WRITE_);
}

static int map_image(struct actor *a, const struct image *i, const char *path, size_t len)
{
	if (!image_is_there(i))
		return 0;
	struct file *f = recorded_file(a, path, len, FILE_RDONLY);

	if (!f)
		return -a->m->why.err;
	struct inode *inode = machine_at(a->m, f->inode_at);
	int err = 0;

	if (inode->kind == INODE_FILE && inode->bytes < i->bss - i->base)
		err = inode_truncate(a->m, a->t->cpu, inode, i->bss - i->base);
	if (!err)
		err = map_segments(a, i, f);
	struct refusal why = a->m->why;
	file_put(a->m, a->t->cpu, f);
	a->m->why = why;
	return err;
}

static int map_vdso(struct actor *a, struct mm *mm, const struct program_layout *p)
{
	uint64_t flags = VM_READ | VM_MAYREAD | VM_DONTEXPAND;
	struct vma *v;
	int err = 0;

	if (!p->vdso)
		return 0;
	if (p->vvar < p->vdso)
		err = do_mmap(a->m, a->t->cpu, mm, p->vvar, p->vdso - p->vvar,
			flags | VM_IO | VM_PFNMAP | VM_DONTDUMP, NULL, 0, VMA_VVAR, &v);
	if (!err)
		err = do_mmap(a->m, a->t->cpu, mm, p->vdso, 2 * PAGE_BYTES,
			flags | VM_EXEC | VM_MAYEXEC | VM_MAYWRITE, NULL, 0, VMA_VDSO, &v);
	if (!err)
		mm->vdso = p->vdso;
	return err;
}

static int map_program(struct actor *a, const struct rec_call *c, const struct program_layout *p)
{
	static const char interp[] = "/lib/ld.so";
	struct mm *mm = task_mm(a->m, a->t);
	int err = unmap_all(a, mm, true);

	err = err ? err : map_image(a, &p->exe, rec_text(&a->pr->record, c->text), c->text.len);
	err = err ? err : map_image(a, &p->interp, interp, sizeof(interp) - 1);
	err = err ? err : map_vdso(a, mm, p);
	mm->start_code = p->exe.text;
	mm->end_code = p->exe.rodata;
	mm->start_data = p->exe.data;
	mm->end_data = p->exe.bss;
	return err;
}

/* The executable's file: in the page cache before execve() reads its header, and with room for what is mapped of it. */
static struct file *program_file(struct actor *a, const struct rec_call *c,
	const struct program *program, const struct program_layout *p)
{
	struct file *f =
		recorded_file(a, rec_text(&a->pr->record, c->text), c->text.len, FILE_RDONLY);
	/* Segments begin at whole pages, and may have a few between them. */
	uint64_t bytes = program->headers + program->text + program->rodata + program->data +
			 32 * PAGE_BYTES;
	struct inode *i = f ? machine_at(a->m, f->inode_at) : NULL;

	if (image_is_there(&p->exe) && p->exe.bss - p->exe.base > bytes)
		bytes = p->exe.bss - p->exe.base;
	if (!f || i->kind != INODE_FILE || i->bytes >= bytes ||
		!inode_truncate(a->m, a->t->cpu, i, bytes))
		return f;
	struct refusal why = a->m->why;
	file_put(a->m, a->t->cpu, f);
	a->m->why = why;
	return NULL;
}

int process_exec(struct actor *a, const struct rec_call *c, const struct program_layout *p)
{
	struct program program;
	uint64_t min = a->t->min_flt;

	program_default(a->m, rec_text(&a->pr->record, c->text), c->text.len, &program);
	struct file *f = program_file(a, c, &program, p);
	if (!f)
		return -a->m->why.err;
	program.stack_top = p->stack_top;
	int err = task_exec(a->m, a->t, &program);
	struct refusal why = a->m->why;
	file_put(a->m, a->t->cpu, f);
	a->m->why = why;
	if (err)
		return err;
	/* What execve() itself touches in the image is among the recorded faults, when there are any; the page of the
	 * arguments, by get_user_pages(), is not. */
	if (a->rec->faults.nr)
		a->t->min_flt = min + 1;
	if (image_is_there(&p->exe) || image_is_there(&p->interp))
		err = map_program(a, c, p);
	struct mm *mm = task_mm(a->m, a->t);
	if (p->brk)
		mm->start_brk = mm->brk = p->brk;
	return err;
}

int process_begin_empty(struct actor *a, const char *name, size_t len)
{
	struct program program;

	program_default(a->m, name, len, &program);
	int err = task_exec(a->m, a->t, &program);
	return err ? err : unmap_all(a, task_mm(a->m, a->t), false);
}

/* ---- the page cache ---- */

/* Does a later fault, a minor one, find the page there? */
static bool is_found_later(const struct actor *a, uint64_t page)
{
	for (size_t i = a->r->faults_done; i < a->rec->faults.nr; i++) {
		const struct rec_fault *f = VEC_AT(struct rec_fault, &a->rec->faults, i);

		if (f->mark == REC_FAULT && (f->addr & ~(PAGE_BYTES - 1)) == page && !f->major)
			return true;
	}
	return false;
}

static bool would_come(
	const struct actor *a, const struct vma *v, const struct inode *i, uint64_t addr)
{
	uint64_t index = v->pgoff + (addr - v->start) / PAGE_BYTES;
	struct mm *mm = task_mm(a->m, a->t);

	return index < inode_size_pages(i) && pte_none(pte_of(a->m, mm, addr)) &&
	       !inode_is_cold(a->m, i, index);
}

void hide_uncached(struct actor *a, const struct rec_fault *f)
{
	struct mm *mm = task_mm(a->m, a->t);
	const struct vma *v = mm ? vma_find(a->m, &mm->vmas, f->addr) : NULL;
	uint64_t page = f->addr & ~(PAGE_BYTES - 1), from, to, nr = 0;
	struct inode *i = v && v->start <= f->addr ? vma_inode(a->m, v) : NULL;

	/* Of reads that map around. */
	if (!i || !i->warm || f->file_pages < 1 || f->major || f->error_code & 3)
		return;
	fault_around_range(a->m, v, f->addr, &from, &to);
	for (uint64_t at = from; at < to; at += PAGE_BYTES)
		nr += would_come(a, v, i, at);
	for (uint64_t at = to; at > from && nr > (uint64_t)f->file_pages;) {
		at -= PAGE_BYTES;
		uint64_t index = v->pgoff + (at - v->start) / PAGE_BYTES;

		if (at == page || !would_come(a, v, i, at) ||
			page_cache_find(a->m, i, index) != NO_PFN || is_found_later(a, at))
			continue;
		if (inode_set_cold(a->m, i, index))
			break;
		nr--;
	}
}
