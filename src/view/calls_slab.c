/* SPDX-License-Identifier: MIT
 *
 * Calls to the slab allocator: caches by name, objects by address.
 *
 *	c = kmem_cache_create foo 200      ──> kmem_cache_create()  ──> foo size=200 align=8 order=0 objects=20
 *	p.0-999 = kmem_cache_alloc c       ──> slab_alloc()         ──> 0xffff88800a6b2340 cache=foo
 *	kmem_cache_free c p.0-499          ──> kmem_cache_free_checked()
 *	k = kmalloc 100                    ──> kmalloc()            ──> 0xffff888003c41080 cache=kmalloc-128
 *
 * A cache is a name that holds one (VAR_CACHE, whose value is the cache's id), or the cache's own name, an alias or its
 * unique id as a word: kmalloc-64, vm_area_struct, :A-0000192.
 *
 * Follows Documentation/core-api/memory-allocation.rst, mm-api.rst of 6.1 for names and arguments.
 */
#include "view/arg_words.h"
#include "view/call.h"

#include "mm/slab/slab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void put_object(struct call *c, uint64_t address, uint64_t bytes)
{
	struct slab_place p;

	text_puts(c->result, "0x");
	text_hex(c->result, address, 0);
	if (slab_find(c->m, address, &p)) {
		if (p.cache) {
			text_puts(c->result, " cache=");
			text_puts(c->result, p.cache->name);
		} else {
			text_puts(c->result, " order=");
			text_dec(c->result, p.order, 0);
		}
		bytes = p.bytes;
	}
	c->made = (struct var){.kind = VAR_ADDRESS, .value = address, .bytes = bytes};
}

/* The cache that argument @i is. */
static struct kmem_cache *cache_of(struct call *c, unsigned i)
{
	struct kmem_cache *s = kmem_cache_get(c->m, (uint32_t)c->arg[i].number);

	if (!s)
		refuse_at(&c->m->why, EINVAL, c->arg[i].column, (uint32_t)c->arg[i].len,
			"%.*s was a cache, which has been destroyed", (int)c->arg[i].len,
			c->arg[i].word);
	return s;
}

/* ---- caches ---- */

int call_kmem_cache_create(struct call *c)
{
	char name[SLAB_NAME_MAX + 1] = "", ctor[SLAB_NAME_MAX] = "";
	const struct call_value *a = c->arg;
	uint32_t id;

	name[arg_string(a[0].word, a[0].len, name, sizeof(name) - 1)] = '\0';
	if (a[4].given && !(a[4].len == 4 && !memcmp(a[4].word, "NULL", 4)))
		ctor[arg_string(a[4].word, a[4].len, ctor, sizeof(ctor) - 1)] = '\0';
	if (strlen(name) < a[0].len && memchr(a[0].word, '\0', a[0].len))
		return refuse(&c->m->why, EINVAL, "kmem_cache_create: no NUL in a name");
	struct kmem_cache_args args = {.name = name,
		.size = a[1].number,
		.align = a[2].number <= UINT32_MAX / 2 ? (uint32_t)a[2].number : 3,
		.flags = (uint32_t)a[3].number,
		.ctor = ctor};
	int err = kmem_cache_create(c->m, c->cpu, &args, &id);

	if (err)
		return err;
	const struct kmem_cache *s = kmem_cache_get(c->m, id);

	text_printf(c->result, "%s size=%u align=%u order=%u objects=%u", name, s->size, s->align,
		s->oo.order, s->oo.objects);
	if (strcmp(s->name, name))
		text_printf(c->result, " merged=%s", s->name);
	c->made = (struct var){.kind = VAR_CACHE, .value = id};
	return 0;
}

int call_kmem_cache_destroy(struct call *c)
{
	char name[SLAB_NAME_MAX] = "";
	const struct call_value *a = &c->arg[0];

	if (!cache_of(c, 0))
		return -EINVAL;
	name[arg_string(a->word, a->len, name, sizeof(name) - 1)] = '\0';
	return kmem_cache_destroy(c->m, c->cpu, (uint32_t)a->number, name);
}

int call_kmem_cache_shrink(struct call *c)
{
	struct kmem_cache *s = cache_of(c, 0);
	struct slab_sums before, after;

	if (!s)
		return -EINVAL;
	slab_sums(c->m, s, &before);
	kmem_cache_shrink(c->m, c->cpu, s);
	slab_sums(c->m, s, &after);
	text_printf(c->result, "slabs=%llu freed=%llu", (unsigned long long)after.num_slabs,
		(unsigned long long)(before.num_slabs - after.num_slabs));
	return 0;
}

/* ---- objects ---- */

static int give_object(struct call *c, gfp_t gfp, int nid)
{
	struct kmem_cache *s = cache_of(c, 0);
	uint64_t address;

	if (!s)
		return -EINVAL;
	int err = slab_alloc(c->m, c->cpu, s, gfp, nid, &address);
	if (!err)
		put_object(c, address, s->object_size);
	return err;
}

int call_kmem_cache_alloc(struct call *c)
{
	return give_object(c, (gfp_t)c->arg[1].number, -1);
}

int call_kmem_cache_zalloc(struct call *c)
{
	return give_object(c, (gfp_t)c->arg[1].number | __GFP_ZERO, -1);
}

int call_kmem_cache_alloc_node(struct call *c)
{
	return give_object(c, (gfp_t)c->arg[1].number, (int)(int64_t)c->arg[2].number);
}

int call_kmem_cache_free(struct call *c)
{
	struct kmem_cache *s = cache_of(c, 0), *from;

	if (!s)
		return -EINVAL;
	int err = kmem_cache_free_checked(c->m, c->cpu, s, c->arg[1].number, &from);
	if (!err && from != s)
		text_printf(c->result,
			"freed to %s: it was never of %s (a warning is in sim/dmesg)", from->name,
			s->name);
	return err;
}

/* ---- kmalloc ---- */

static int give_kmalloc(struct call *c, gfp_t gfp, int nid)
{
	uint64_t address, size = c->arg[0].number;
	int err = kmalloc(c->m, c->cpu, size, gfp, nid, &address);

	if (!err)
		put_object(c, address, size);
	return err;
}

int call_kmalloc(struct call *c)
{
	return give_kmalloc(c, (gfp_t)c->arg[1].number, -1);
}

int call_kzalloc(struct call *c)
{
	return give_kmalloc(c, (gfp_t)c->arg[1].number | __GFP_ZERO, -1);
}

int call_kmalloc_node(struct call *c)
{
	return give_kmalloc(c, (gfp_t)c->arg[1].number, (int)(int64_t)c->arg[2].number);
}

/* kmalloc_array(), kcalloc(): the product must not overflow. */
static int give_array(struct call *c, gfp_t gfp)
{
	uint64_t size;

	if (__builtin_mul_overflow(c->arg[0].number, c->arg[1].number, &size))
		return refuse(&c->m->why, ENOMEM,
			"kmalloc_array: %llu times %llu bytes is more than a number can hold",
			(unsigned long long)c->arg[0].number, (unsigned long long)c->arg[1].number);
	c->arg[0].number = size;
	return give_kmalloc(c, gfp, -1);
}

int call_kmalloc_array(struct call *c)
{
	return give_array(c, (gfp_t)c->arg[2].number);
}

int call_kcalloc(struct call *c)
{
	return give_array(c, (gfp_t)c->arg[2].number | __GFP_ZERO);
}

int call_krealloc(struct call *c)
{
	uint64_t address;
	int err = krealloc(c->m, c->cpu, c->arg[0].number, c->arg[1].number,
		(gfp_t)c->arg[2].number, &address);

	if (!err)
		put_object(c, address, c->arg[1].number);
	return err;
}

int call_ksize(struct call *c)
{
	uint64_t bytes;
	int err = ksize(c->m, c->arg[0].number, &bytes);

	if (err)
		return err;
	text_dec(c->result, bytes, 0);
	c->made = (struct var){.kind = VAR_NUMBER, .value = bytes};
	return 0;
}

int call_kfree(struct call *c)
{
	return kfree(c->m, c->cpu, c->arg[0].number);
}
