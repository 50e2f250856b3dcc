/* SPDX-License-Identifier: MIT
 *
 * PID/maps and PID/numa_maps: the mappings of a process, one a line (fs/proc/task_mmu.c of 6.1).
 *
 *	00400000-00401000 r--p 00000000 00:02 84                                 /bin/orc
 *	start    end      perm offset   dev   inode                              name, from a fixed column on
 *
 * A line without a name ends behind the inode with a blank. The column depends on the width of the kernel's pointers.
 */
#include "view/task_maps.h"

#include "view/files.h"
#include "view/task_view.h"

#include "mm/page/zone.h"
#include "mm/process/file.h"
#include "mm/process/mempolicy.h"
#include "mm/process/pgtables.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"

#include <stdio.h>
#include <string.h>

/* The page of helpers at the top of ARM's address space: the kernel's, in everybody's maps. */
static const struct vma vectors = {
	.start = 0xffff0000,
	.end = 0xffff1000,
	.flags = VM_READ | VM_EXEC | VM_MAYREAD | VM_MAYEXEC,
	.kind = VMA_VECTORS,
};

const struct vma *maps_next(const struct machine *m, const struct mm *mm, const struct vma *v)
{
	if (v == &vectors)
		return NULL;
	v = v ? vma_next(m, &mm->vmas, v) : vma_first(m, &mm->vmas);
	return v || m->arch != ARCH_ARM ? v : &vectors;
}

/* A path with the characters of @escape as octal escapes. */
static void put_escaped(struct text *out, const char *s, const char *escape)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (strchr(escape, c))
			text_printf(out, "\\%o%o%o", c >> 6, c >> 3 & 7u, c & 7u);
		else
			text_putc(out, *s);
	}
}

/* Hex of at least that many digits, and what comes behind it. */
static void put_hex(struct text *out, uint64_t value, unsigned digits, char behind)
{
	text_hex(out, value, digits);
	text_putc(out, behind);
}

void put_map_prefix(struct text *out, uint64_t start, uint64_t end, const char *perms,
	uint64_t offset, uint32_t major, uint32_t minor, uint64_t ino)
{
	put_hex(out, start, 8, '-');
	put_hex(out, end, 8, ' ');
	text_put(out, perms, 4);
	text_putc(out, ' ');
	put_hex(out, offset, 8, ' ');
	put_hex(out, major, 2, ':');
	put_hex(out, minor, 2, ' ');
	text_dec(out, ino, 0);
	text_putc(out, ' ');
}

void put_map_pad(const struct machine *m, struct text *out, size_t from)
{
	const size_t width = machine_has(m, CONFIG_64BIT) ? 72 : 48;
	const size_t len = out->len - from;

	if (len < width)
		text_fill(out, ' ', width - len);
	text_putc(out, ' ');
}

static void put_file_path(
	const struct machine *m, const struct inode *i, const char *escape, struct text *out)
{
	struct text path;

	text_init(&path);
	inode_put_path(m, i, &path);
	put_escaped(out, text_str(&path), escape);
	text_finish(&path);
}

static const char *name_of(const struct machine *m, const struct vma *v)
{
	return v == &vectors ? "[vectors]" : vma_name(m, v);
}

void put_map(const struct machine *m, const struct vma *v, struct text *out)
{
	const struct inode *i = v->file_at ? vma_inode(m, v) : NULL;
	const size_t from = out->len;
	const char perms[4] = {v->flags & VM_READ ? 'r' : '-', v->flags & VM_WRITE ? 'w' : '-',
		v->flags & VM_EXEC ? 'x' : '-', v->flags & VM_MAYSHARE ? 's' : 'p'};

	put_map_prefix(out, v->start, v->end, perms, i ? v->pgoff << PAGE_SHIFT : 0,
		i ? i->major : 0, i ? i->minor : 0, i ? i->ino : 0);
	if (i) {
		put_map_pad(m, out, from);
		put_file_path(m, i, "\n", out);
	} else if (*name_of(m, v)) {
		put_map_pad(m, out, from);
		text_puts(out, name_of(m, v));
	}
	text_putc(out, '\n');
}

int show_pid_maps(struct view *v, struct text *out)
{
	const struct mm *mm = view_mm(v);

	for (const struct vma *a = NULL; mm && (a = maps_next(v->m, mm, a));)
		put_map(v->m, a, out);
	return 0;
}

void vma_each_page(
	struct machine *m, const struct mm *mm, const struct vma *v, vma_page_fn *fn, void *data)
{
	struct pte_range r = pte_range(v->start, v->end);

	if (v == &vectors || v->flags & VM_PFNMAP)
		return;
	while (pte_range_next(m, mm, &r))
		for (unsigned i = 0; i < r.nr; i++) {
			pte_t pte = pte_get(m, r.table, r.index + i);

			if (pte_none(pte) || !pte_is(m, pte, PTE_PRESENT) ||
				pte_is(m, pte, PTE_SPECIAL))
				continue;
			uint64_t pfn = pte_pfn(m, pte);
			if (!pfn_valid(m, pfn))
				continue;
			struct frame f = frame_peek(m, pfn);
			fn(data, pte, pfn, &f);
		}
}

/* ---- numa_maps ---- */

struct numa_pages {
	const struct machine *m;
	uint64_t pages, anon, dirty, swapcache, active, writeback, mapcount_max;
	uint64_t node[MAX_NODES];
};

static void gather(void *data, pte_t pte, uint64_t pfn, const struct frame *f)
{
	struct numa_pages *n = data;
	const struct zone *z = pfn_zone(n->m, pfn);

	if (f->flags & FRAME_RESERVED || !z)
		return;
	n->pages++;
	n->anon += !!(f->flags & FRAME_ANON);
	n->dirty += pte_is(n->m, pte, PTE_DIRTY) || f->flags & FRAME_DIRTY;
	n->swapcache += !!(f->flags & FRAME_SWAPCACHE);
	n->active += !!(f->flags & (FRAME_ACTIVE | FRAME_UNEVICTABLE));
	n->writeback += !!(f->flags & FRAME_WRITEBACK);
	if (f->mapcount > n->mapcount_max)
		n->mapcount_max = f->mapcount;
	n->node[z->nid]++;
}

static void put_count_if(struct text *out, const char *label, uint64_t value, bool shown)
{
	if (!shown)
		return;
	text_puts(out, label);
	text_dec(out, value, 0);
}

static void put_numa_pages(const struct numa_pages *n, struct text *out)
{
	put_count_if(out, " anon=", n->anon, n->anon);
	put_count_if(out, " dirty=", n->dirty, n->dirty);
	put_count_if(out, " mapped=", n->pages, n->pages != n->anon && n->pages != n->dirty);
	put_count_if(out, " mapmax=", n->mapcount_max, n->mapcount_max > 1);
	put_count_if(out, " swapcache=", n->swapcache, n->swapcache);
	put_count_if(out, " active=", n->active, n->active < n->pages);
	put_count_if(out, " writeback=", n->writeback, n->writeback);
	for (unsigned nid = 0; nid < n->m->nr_nodes; nid++)
		if (n->node[nid])
			text_printf(out, " N%u=%llu", nid, (unsigned long long)n->node[nid]);
	text_puts(out, " kernelpagesize_kB=4");
}

int show_pid_numa_maps(struct view *v, struct text *out)
{
	const struct mm *mm = view_mm(v);
	const struct task *t = view_task(v);
	const struct mempolicy of_task = t ? t->policy : (struct mempolicy){0};
	struct machine *m = v->m;

	for (const struct vma *a = NULL; mm && (a = maps_next(m, mm, a));) {
		struct numa_pages n = {.m = m};
		const char *name = name_of(m, a);

		vma_each_page(m, mm, a, gather, &n);
		text_hex(out, a->start, 8);
		text_putc(out, ' ');
		const struct mempolicy *policy = vma_policy_at(m, a, a->start);
		mpol_print(policy ? policy : &of_task, out);
		if (a->file_at) {
			text_puts(out, " file=");
			put_file_path(m, vma_inode(m, a), "\n\t= ", out);
		} else if (!strcmp(name, "[heap]") || !strcmp(name, "[stack]")) {
			text_printf(out, " %.*s", (int)strlen(name) - 2, name + 1);
		}
		if (n.pages)
			put_numa_pages(&n, out);
		text_putc(out, '\n');
	}
	return 0;
}
