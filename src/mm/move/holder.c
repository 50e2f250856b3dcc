/* SPDX-License-Identifier: MIT
 *
 * Who holds a movable page of the kernel (see holder.h).
 *
 * frame.index of such a page, which belongs to no mapping, is a hint of 44 bits that is never 0:
 *
 *	1 | recorded pfn, 43 bits				the recording's
 *	0 | 1 | base's number, 18 bits | index + 1, 24 bits	a name's: 0 for a plain one, all ones for an index beyond
 *
 * A hint is only that: names are forgotten, given to other pages, or lose their number when the table of names is
 * squeezed. So it counts when the holder, asked, says that this very page is its own; if a name does not, all names are
 * searched. Who is not found does not hold the page, and then it does not move.
 *
 * Left out: an address of the page, or a second name taken of it, is not followed, as no pointer is: pin it (get_page).
 * Follows the idea of struct movable_operations, include/linux/migrate.h of 6.1.
 */
#include "mm/move/holder.h"

#include "base/text.h"
#include "mm/page/frame.h"

#include <assert.h>

#define HINT_BITS      44
#define HINT_RECORDED  ((uint64_t)1 << 43)
#define HINT_NAME      ((uint64_t)1 << 42)
#define INDEX_BITS     24
#define INDEX_BEYOND   (((uint64_t)1 << INDEX_BITS) - 1)
#define KEY_INDEX_BITS 33 /* of var_key() */

static void set_hint(struct machine *m, uint64_t pfn, uint64_t hint)
{
	struct frame *f = frame_of(m, pfn);

	assert(f->refcount && !f->mapping);
	if (f->flags & FRAME_MOVABLE && !f->order)
		f->index = hint & (((uint64_t)1 << HINT_BITS) - 1);
}

static uint64_t hint_of_key(uint64_t key)
{
	uint64_t index = key & (((uint64_t)1 << KEY_INDEX_BITS) - 1);

	return HINT_NAME | key >> KEY_INDEX_BITS << INDEX_BITS |
	       (index < INDEX_BEYOND ? index : INDEX_BEYOND);
}

void holder_set_name(struct machine *m, uint64_t pfn, const char *base, size_t len, uint32_t index)
{
	uint64_t key;

	if (var_key(m, &m->vars, base, len, index, &key))
		set_hint(m, pfn, hint_of_key(key));
}

void holder_set_recorded(struct machine *m, uint64_t pfn, uint64_t recorded_pfn)
{
	if (recorded_pfn < HINT_RECORDED)
		set_hint(m, pfn, HINT_RECORDED | recorded_pfn);
}

/* ---- asking ---- */

static bool holds(const struct var *v, uint64_t pfn)
{
	return v && v->kind == VAR_PAGE && v->value == pfn && !v->order;
}

static struct var *search_names(const struct machine *m, uint64_t pfn, uint64_t *key)
{
	char name[VAR_NAME_MAX + 12];
	uint64_t cookie = 0;
	struct var v;

	while (var_next(m, &m->vars, &cookie, name, &v)) {
		*key = cookie - 1;
		if (holds(&v, pfn))
			return var_at_key(m, &m->vars, *key);
	}
	return NULL;
}

/* The name that holds the page, and its key; NULL: none. */
static struct var *name_of(const struct machine *m, uint64_t pfn, uint64_t hint, uint64_t *key)
{
	uint64_t index = hint & INDEX_BEYOND, base = (hint & (HINT_NAME - 1)) >> INDEX_BITS;

	if (!(hint & HINT_NAME))
		return NULL;
	*key = base << KEY_INDEX_BITS | index;
	struct var *v = index == INDEX_BEYOND ? NULL : var_at_key(m, &m->vars, *key);

	return holds(v, pfn) ? v : search_names(m, pfn, key);
}

static struct pfn_slot *slot_of(const struct machine *m, uint64_t pfn, uint64_t hint)
{
	struct pfn_slot *slot = hint & HINT_RECORDED
					? pfn_map_find(m, &m->replayed, hint & (HINT_RECORDED - 1))
					: NULL;

	return slot && slot->state == PFN_LIVE && slot->pfn == pfn && !slot->order ? slot : NULL;
}

bool holder_known(const struct machine *m, uint64_t pfn)
{
	const struct frame *f = frame_of(m, pfn);
	uint64_t key;

	if (f->mapping || !f->index)
		return false;
	return slot_of(m, pfn, f->index) ||
	       (!(f->index & HINT_RECORDED) && name_of(m, pfn, f->index, &key));
}

bool holder_print(const struct machine *m, uint64_t pfn, struct text *out)
{
	const struct frame *f = frame_of(m, pfn);
	char name[VAR_NAME_MAX + 12];
	struct var v;
	uint64_t key;

	if (f->mapping || !f->index)
		return false;
	const struct pfn_slot *slot = slot_of(m, pfn, f->index);
	if (slot) {
		text_printf(
			out, "recorded pfn 0x%llx", (unsigned long long)pfn_slot_recorded(slot));
		return true;
	}
	if (f->index & HINT_RECORDED || !name_of(m, pfn, f->index, &key) ||
		!var_next(m, &m->vars, &key, name, &v))
		return false;
	text_puts(out, name);
	return true;
}

void holder_follow(struct machine *m, uint64_t old_pfn, uint64_t new_pfn)
{
	struct frame *old = frame_of(m, old_pfn), *new = frame_of(m, new_pfn);
	struct pfn_slot *slot = slot_of(m, old_pfn, old->index);

	new->index = old->index;
	old->index = 0;
	if (slot) {
		slot->pfn = new_pfn & (((uint64_t)1 << 56) - 1);
		return;
	}
	uint64_t key;
	struct var *v = name_of(m, old_pfn, new->index, &key);

	assert(v);
	v->value = new_pfn;
}
