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

/* A number at the right of @width columns and a blank behind it; where to go on. */
static char *number(char *at, uint64_t value, unsigned width)
{
	char digits[20];
	unsigned n = 0;

	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	for (; width > n; width--)
		*at++ = ' ';
	while (n)
		*at++ = digits[--n];
	*at++ = ' ';
	return at;
}

/* Monitors read the file again and again, and it is long: each line is made in one piece. */
static void put_cache(const struct machine *m, const struct kmem_cache *s, struct text *out)
{
	static const char tunables[] = ": tunables    0    0    0 : slabdata ";
	char line[9 * 21 + sizeof(tunables)], *at = line;
	struct slab_sums sums;

	slab_sums(m, s, &sums);
	put_left(out, s->name, 17);
	*at++ = ' ';
	at = number(at, sums.active_objs, 6);
	at = number(at, sums.num_objs, 6);
	at = number(at, s->size, 6);
	at = number(at, s->oo.objects, 4);
	at = number(at, (uint64_t)1 << s->oo.order, 4);
	memcpy(at, tunables, sizeof(tunables) - 1);
	at = number(at + sizeof(tunables) - 1, sums.active_slabs, 6);
	at = number(at, sums.num_slabs, 6);
	at = number(at, 0, 6);
	at[-1] = '\n';
	text_put(out, line, (size_t)(at - line));
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
