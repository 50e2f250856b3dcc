/* SPDX-License-Identifier: MIT
 *
 * Whose a page is, and who maps it: what sim/page/PFN says of pages of processes and files.
 *
 *	frame.mapping ──> anon_vma or inode ──rmap_walk()──> mapping, address ──> address space ──> its first task
 *
 * The entries are looked up in the page tables when the file is read, so a line stands for an entry that is really there.
 */
#include "view/page_users.h"

#include "mm/core/link.h"
#include "mm/page/frame.h"
#include "mm/process/file.h"
#include "mm/process/pgtables.h"
#include "mm/process/rmap.h"

typedef unsigned long long ull;

#define KEY_COLUMNS "%-14s "

static bool is_zero_page(const struct machine *m, uint64_t pfn)
{
	return m->processes.zero_pfn && pfn == m->processes.zero_pfn;
}

/* Inside a block, frame_peek() tells the block's head in `mapping`; a slab's frame has its cache there, and what a large
 * block of kmalloc's has there is no mapping's number. */
static bool has_mapping(const struct machine *m, const struct frame *f)
{
	return f->refcount && !(f->flags & (FRAME_TAIL | FRAME_SLAB)) &&
	       mapping_object(m, f->mapping);
}

const char *page_owner_kind(const struct machine *m, uint64_t pfn, const struct frame *f)
{
	if (is_zero_page(m, pfn))
		return "the kernel: the page of zeroes that untouched memory reads";
	if (f->flags & FRAME_PGTABLE)
		return "page tables";
	if (f->flags & FRAME_SLAB)
		return "slab caches";
	if (f->flags & FRAME_ANON)
		return "anonymous memory";
	return has_mapping(m, f) ? "the page cache" : NULL;
}

void put_mm_name(const struct machine *m, const struct mm *mm, struct text *out)
{
	struct link *l = link_next(m, &mm->tasks, &mm->tasks);

	if (!l) {
		text_printf(out, "address space %llu, which no task runs in", (ull)mm->id);
		return;
	}
	const struct task *t = link_entry(l, struct task, in_mm);
	text_printf(out, "%u (%s)", t->tgid, t->comm);
}

struct listing {
	struct text *out;
	unsigned left;
};

static bool put_user(struct machine *m, void *data, struct vma *v, uint64_t addr)
{
	struct listing *list = data;

	if (!list->left)
		return true;
	list->left--;
	text_puts(list->out, "mapped by ");
	put_mm_name(m, machine_at(m, v->mm_at), list->out);
	text_printf(list->out, " at 0x%llx\n", (ull)addr);
	return true;
}

static void put_mapping(struct machine *m, const struct frame *f, struct text *out)
{
	text_printf(out, KEY_COLUMNS, "mapping");
	if (f->flags & FRAME_ANON) {
		text_printf(out, "anon_vma %u, index 0x%llx\n", f->mapping, (ull)f->index);
	} else {
		const struct inode *i = mapping_object(m, f->mapping);

		inode_put_path(m, i, out);
		text_printf(out, ", page %llu, inode %llu\n", (ull)f->index, (ull)i->ino);
	}
}

void put_page_users(
	struct machine *m, uint64_t pfn, const struct frame *f, unsigned most, struct text *out)
{
	struct listing list = {.out = out, .left = most};

	if (f->refcount && f->flags & FRAME_PGTABLE) {
		const struct mm *mm = pgtable_owner(m, pfn);

		text_printf(out, KEY_COLUMNS, "table of");
		if (mm)
			put_mm_name(m, mm, out);
		else
			text_puts(out, "the kernel");
		text_putc(out, '\n');
		return;
	}
	if (!has_mapping(m, f))
		return;
	put_mapping(m, f, out);
	unsigned found = rmap_walk(m, pfn, put_user, &list);
	if (found > most)
		text_printf(out, "mapped by %u more\n", found - most);
}
