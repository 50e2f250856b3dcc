/* SPDX-License-Identifier: MIT
 *
 * proc/slabinfo: a line for each cache, newest first, in version 2.1 of the format.
 *
 *	# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables ... : slabdata ...
 *	kmalloc-64          1408   1408     64   64    1 : tunables    0    0    0 : slabdata     22     22      0
 *
 * Caches that were merged are one line, under the name of the oldest. Objects that lie free in the slabs of CPUs count as
 * active: the kernel looks at the nodes' partial lists only. SLUB has no tunables.
 * Follows mm/slab_common.c (cache_show()) and mm/slub.c (get_slabinfo()) of 6.1.
 */
#include "view/files.h"
#include "view/put.h"

#include "mm/slab/slab.h"

static void put_cache(const struct machine *m, const struct kmem_cache *s, struct text *out)
{
	struct slab_sums sums;

	slab_sums(m, s, &sums);
	put_left(out, s->name, 17);
	text_putc(out, ' ');
	text_dec(out, sums.active_objs, 6);
	text_putc(out, ' ');
	text_dec(out, sums.num_objs, 6);
	text_putc(out, ' ');
	text_dec(out, s->size, 6);
	text_putc(out, ' ');
	text_dec(out, s->oo.objects, 4);
	text_putc(out, ' ');
	text_dec(out, (uint64_t)1 << s->oo.order, 4);
	text_puts(out, " : tunables    0    0    0 : slabdata ");
	text_dec(out, sums.active_slabs, 6);
	text_putc(out, ' ');
	text_dec(out, sums.num_slabs, 6);
	text_puts(out, "      0\n");
}

int show_slabinfo(struct view *v, struct text *out)
{
	text_puts(out,
		"slabinfo - version: 2.1\n"
		"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
		" : tunables <limit> <batchcount> <sharedfactor>"
		" : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	for (struct kmem_cache *s = kmem_cache_next(v->m, NULL); s; s = kmem_cache_next(v->m, s))
		put_cache(v->m, s, out);
	return 0;
}
