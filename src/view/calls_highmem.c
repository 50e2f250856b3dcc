/* SPDX-License-Identifier: MIT
 *
 * Calls for windows onto high memory: kmap(), kmap_local_page(), kmap_atomic() and what ends them.
 *
 *	a = kmap p             ──> kmap()             ──> 0xfec01000 window=1 users=1
 *	b = kmap_atomic p      ──> kmap_local_page()  ──> 0xfffbb000 slot=0 depth=1
 *
 * A kmap that finds no free window waits: the write is parked, and asks again after each act of others until a kunmap has
 * helped. Linux waits for that without heeding signals; here ^C and O_NONBLOCK end it, since a write that nothing can
 * end would hang its program.
 */
#include "view/call.h"

#include "mm/kernel/fixmap.h"
#include "mm/kernel/highmem.h"
#include "mm/page/address.h"

#include <errno.h>

typedef unsigned long long ull;

/* A refusal about the first argument. */
static int refuse_word(struct call *c, int err)
{
	if (!c->m->why.column) {
		c->m->why.column = c->arg[0].column;
		c->m->why.span = (uint32_t)c->arg[0].len;
	}
	return err;
}

/* "0xfec01000", and which window that is. */
static int give(struct call *c, uint64_t address)
{
	struct highmem_window w;

	text_printf(c->result, "0x%llx", (ull)address);
	if (!highmem_find(c->m, address, &w))
		text_puts(c->result, " direct_map");
	else if (w.kind == HIGHMEM_PKMAP)
		text_printf(c->result, " window=%u users=%u", w.slot, w.count - 1);
	else
		text_printf(c->result, " slot=%u depth=%u", w.slot, kmap_local_depth(c->m, c->cpu));
	c->made = (struct var){.kind = VAR_ADDRESS, .value = address};
	return 0;
}

int call_kmap(struct call *c)
{
	uint64_t address;
	int err;

	if (c->run->interrupted)
		return refuse(&c->m->why, EINTR,
			"all %u windows of kmap are in use, and the wait for a kunmap was ended",
			pkmap_windows(c->m));
	err = kmap(c->m, c->cpu, c->arg[0].number, &address);
	if (err == -EAGAIN) {
		c->wait = true;
		return 0;
	}
	return err ? refuse_word(c, err) : give(c, address);
}

int call_kunmap(struct call *c)
{
	uint64_t pfn = c->arg[0].number, address = highmem_page_address(c->m, pfn);
	struct highmem_window w;
	int err = kunmap(c->m, pfn);

	if (err)
		return refuse_word(c, err);
	if (!highmem_find(c->m, address, &w))
		text_puts(c->result, "direct_map");
	else
		text_printf(c->result, "window=%u users=%u", w.slot, w.count - 1);
	return 0;
}

static int map_local(struct call *c, bool atomic)
{
	uint64_t address;
	int err = kmap_local_page(c->m, c->cpu, c->arg[0].number, atomic, &address);

	if (!err)
		err = give(c, address);
	/* 6.1 has no types of slots. */
	if (!err && c->nr_args > 1 && c->arg[1].given)
		text_puts(c->result, " type=ignored");
	return err ? refuse_word(c, err) : 0;
}

static int unmap_local(struct call *c, bool atomic)
{
	int err = kunmap_local(c->m, c->cpu, c->arg[0].number, atomic);

	if (err)
		return refuse_word(c, err);
	text_printf(c->result, "depth=%u", kmap_local_depth(c->m, c->cpu));
	return 0;
}

int call_kmap_local_page(struct call *c)
{
	return map_local(c, false);
}

int call_kmap_atomic(struct call *c)
{
	return map_local(c, true);
}

int call_kunmap_local(struct call *c)
{
	return unmap_local(c, false);
}

int call_kunmap_atomic(struct call *c)
{
	return unmap_local(c, true);
}

int call_kmap_flush_unused(struct call *c)
{
	text_printf(c->result, "%u", kmap_flush_unused(c->m, c->cpu));
	return 0;
}
