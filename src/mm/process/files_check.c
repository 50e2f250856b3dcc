/* SPDX-License-Identifier: MIT
 *
 * What must hold of inodes and the page cache (see file.h): files_check() is their specification.
 *
 * For each inode: its id leads back to it; a name of its own is found by that name; every page of its tree has a frame
 * in use that says the same inode and index, is up to date, on an LRU list, inside the size, and held once by the cache
 * and once by each mapping. Then nr_file_pages, nr_shmem, nr_dirty of each node, nr_zone_write_pending of each zone, and
 * the objects of radix_tree_node, but those of dma-debug's tree, are the sums of what was found.
 */
#include "mm/process/file_internal.h"

#include "base/text.h"
#include "mm/core/link.h"
#include "mm/page/frame.h"
#include "mm/page/zone.h"
#include "mm/process/rmap.h"
#include "mm/slab/slab.h"

typedef unsigned long long ull;

struct sums {
	uint64_t file[MAX_NODES], shmem[MAX_NODES], dirty[MAX_NODES];
	uint64_t pending[MAX_NODES * MAX_NR_ZONES];
	uint64_t nr, named, tree_nodes;
	unsigned bad;
};

static bool page_is_right(const struct inode *i, uint64_t index, const struct frame *f)
{
	bool swapbacked = f->flags & FRAME_SWAPBACKED;

	return f->mapping == i->id && f->index == index && f->refcount > f->mapcount &&
	       f->flags & FRAME_UPTODATE && f->flags & FRAME_LRU && !(f->flags & FRAME_ANON) &&
	       swapbacked == (i->kind == INODE_SHMEM) && index < inode_size_pages(i);
}

static void check_page(struct machine *m, const struct inode *i, uint64_t index, uint64_t pfn,
	struct sums *s, struct text *out)
{
	const struct zone *z = pfn_valid(m, pfn) ? pfn_zone(m, pfn) : NULL;

	if (!z || !frame_is_live(m, pfn) || !page_is_right(i, index, frame_of(m, pfn))) {
		struct frame f = z ? frame_peek(m, pfn) : (struct frame){0};

		text_printf(out,
			"page %llu of inode %u (%.80s) is pfn 0x%llx: mapping %u, index %llu, "
			"flags 0x%x, "
			"refcount %u, mapcount %u\n",
			(ull)index, i->id, inode_path(m, i), (ull)pfn, f.mapping, (ull)f.index,
			f.flags, f.refcount, f.mapcount);
		s->bad++;
		return;
	}
	s->file[z->nid]++;
	s->shmem[z->nid] += i->kind == INODE_SHMEM;
	if (i->kind != INODE_FILE || !(frame_of(m, pfn)->flags & FRAME_DIRTY))
		return;
	s->dirty[z->nid]++;
	s->pending[zone_id(m, z)]++;
}

static bool inode_is_right(const struct machine *m, const struct inode *i)
{
	if (mapping_object(m, i->id) != i || (!i->nlink && !i->refcount) || (i->named && !i->nlink))
		return false;
	return !i->named || inode_lookup(m, inode_path(m, i), i->path_bytes) == i;
}

static void check_inode(struct machine *m, struct inode *i, struct sums *s, struct text *out)
{
	uint64_t pfn, index = 0, pages = 0;

	for (; (pfn = page_cache_next(m, i, &index)) != NO_PFN; index++, pages++)
		check_page(m, i, index, pfn, s, out);
	link_for_each(m, &i->mappings, l)
	{
		const struct vma *v = link_entry(l, struct vma, mapped);
		const struct file *f = v->file_at ? machine_at(m, v->file_at) : NULL;

		if (f && f->inode_at == machine_ref(m, i))
			continue;
		text_printf(out, "inode %u (%.80s): the mapping at 0x%llx is of another file\n",
			i->id, inode_path(m, i), (ull)v->start);
		s->bad++;
	}
	if (pages != i->nr_pages || !inode_is_right(m, i)) {
		text_printf(out,
			"inode %u (%.80s): nr_pages %llu, it has %llu; nlink %u, refcount %u, %s\n",
			i->id, inode_path(m, i), (ull)i->nr_pages, (ull)pages, i->nlink,
			i->refcount, i->named ? "named" : "without a name");
		s->bad++;
	}
	s->nr++;
	s->named += i->named;
	s->tree_nodes += i->pages.nr_nodes;
}

static void check_sum(
	struct text *out, struct sums *s, const char *what, uint64_t counted, uint64_t found)
{
	if (counted == found)
		return;
	text_printf(out, "%s is %llu, the files' pages and inodes make it %llu\n", what,
		(ull)counted, (ull)found);
	s->bad++;
}

unsigned files_check(struct machine *m, struct text *out)
{
	const struct files *t = &m->processes.files;
	/* The other user of radix trees counts its nodes itself. */
	struct sums s = {.tree_nodes = m->devices.debug.cachelines.nr_nodes};

	for (struct inode *i = inode_next(m, NULL); i; i = inode_next(m, i))
		check_inode(m, i, &s, out);
	check_sum(out, &s, "the number of inodes", t->nr, s.nr);
	check_sum(out, &s, "the number of names", t->nr_named, s.named);
	check_sum(out, &s, "objects of radix_tree_node",
		kmem_cache_objects(m, KMEM_radix_tree_node), s.tree_nodes);
	for (unsigned nid = 0; nid < m->nr_nodes; nid++) {
		const uint64_t *stat = node_at(m, nid)->stat;

		check_sum(out, &s, "nr_file_pages", stat[ND_nr_file_pages] - stat[ND_nr_swapcached],
			s.file[nid]);
		check_sum(out, &s, "nr_shmem", stat[ND_nr_shmem], s.shmem[nid]);
		check_sum(out, &s, "nr_dirty", stat[ND_nr_dirty], s.dirty[nid]);
	}
	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z))
		check_sum(out, &s, "nr_zone_write_pending", z->stat[ZS_nr_zone_write_pending],
			s.pending[zone_id(m, z)]);
	return s.bad;
}
