/* SPDX-License-Identifier: MIT
 *
 * Claim: names hold what was put under them, are listed once each in a stable order, and a random program of sets
 * and forgets agrees with a plain array.
 *
 *	p  p.0  p.17  p.4000000000	one base, its plain value and three far indices
 */
#include "support/bare.h"

#include "base/rng.h"
#include "mm/machine.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct var page(uint64_t pfn, uint32_t order)
{
	return (struct var){.value = pfn, .kind = VAR_PAGE, .order = order};
}

static void set(struct machine *m, const char *base, uint32_t index, uint64_t value)
{
	struct var v = page(value, 0);

	cr_assert_eq(var_room(m, &m->vars, base, strlen(base), index), 0);
	cr_assert_eq(var_set(m, &m->vars, base, strlen(base), index, &v), 0);
}

Test(var, far_indices_and_plain_values)
{
	struct machine *m = bare(16 << 20);
	static const uint32_t index[] = {VAR_NO_INDEX, 0, 17, 4000000000u};

	for (unsigned i = 0; i < 4; i++)
		set(m, "p", index[i], 100 + i);
	cr_assert_eq(m->vars.nr_values, 4);
	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(var_get(m, &m->vars, "p", 1, index[i])->value, 100 + i);
	cr_assert_null(var_get(m, &m->vars, "p", 1, 18));
	cr_assert_null(var_get(m, &m->vars, "q", 1, VAR_NO_INDEX));

	static const char *const names[] = {"p", "p.0", "p.17", "p.4000000000"};
	uint64_t cookie = 0, key;
	char name[VAR_NAME_MAX + 12];
	struct var v;
	for (unsigned i = 0; i < 4; i++) {
		cr_assert(var_next(m, &m->vars, &cookie, name, &v));
		cr_assert_str_eq(name, names[i]);
		cr_assert(var_key(m, &m->vars, "p", 1, index[i], &key));
		cr_assert_eq(key + 1, cookie);
	}
	cr_assert_not(var_next(m, &m->vars, &cookie, name, &v));
	uint32_t at = 18;
	cr_assert(var_next_index(m, &m->vars, "p", 1, &at));
	cr_assert_eq(at, 4000000000u);
	cr_assert_eq(var_next_free_index(m, &m->vars, "p", 1, 17), 18);
	cr_assert_eq(var_forget(m, &m->vars, "p", 1, 17), 0);
	cr_assert_eq(var_forget(m, &m->vars, "p", 1, 17), -ENOENT);
	cr_assert_eq(var_next_free_index(m, &m->vars, "p", 1, 0), 1);
	bare_finish(m);
}

Test(var, what_a_name_is)
{
	struct machine *m = bare(1 << 20);
	struct var v = page(1, 0);
	char longest[VAR_NAME_MAX];

	memset(longest, 'x', sizeof(longest));
	cr_assert(var_name_ok("_a9", 3));
	cr_assert(var_name_ok(longest, VAR_NAME_MAX - 1));
	cr_assert_not(var_name_ok(longest, VAR_NAME_MAX));
	cr_assert_not(var_name_ok("", 0));
	cr_assert_not(var_name_ok("9a", 2));
	cr_assert_not(var_name_ok("a.b", 3));
	cr_assert_eq(var_set(m, &m->vars, "9a", 2, VAR_NO_INDEX, &v), -EINVAL);
	cr_assert_eq(m->vars.nr_bases, 0);
	bare_finish(m);
}

Test(var, agrees_with_an_array)
{
	enum { BASES = 60, INDICES = 10 };
	static uint64_t model[BASES][INDICES];
	struct machine *m = bare(96 << 20);
	struct rng rng = {42};
	uint64_t live = 0;

	for (unsigned step = 0; step < 60000; step++) {
		unsigned b = rng_below(&rng, BASES), i = rng_below(&rng, INDICES);
		/* Spread the indices so that leaves and middles come and go. */
		uint32_t index = i ? i * 77777777u % 4000000000u : VAR_NO_INDEX;
		char name[16];
		/* Whole bases die in the second half, so that squeezing happens. */
		bool forget = rng_below(&rng, 3) == 0 || (step > 30000 && b % 3);
		size_t len = (size_t)snprintf(name, sizeof(name), "base_%u", b);

		if (forget) {
			cr_assert_eq(var_forget(m, &m->vars, name, len, index),
				model[b][i] ? 0 : -ENOENT);
			live -= model[b][i] != 0;
			model[b][i] = 0;
		} else {
			live += model[b][i] == 0;
			model[b][i] = step + 1;
			set(m, name, index, step + 1);
		}
		cr_assert_eq(m->vars.nr_values, live);
	}
	uint64_t cookie = 0, seen = 0;
	char name[VAR_NAME_MAX + 12];
	struct var v;
	while (var_next(m, &m->vars, &cookie, name, &v))
		seen++;
	cr_assert_eq(seen, live);
	for (unsigned b = 0; b < BASES; b++)
		for (unsigned i = 0; i < INDICES; i++) {
			uint32_t index = i ? i * 77777777u % 4000000000u : VAR_NO_INDEX;
			size_t len = (size_t)snprintf(name, sizeof(name), "base_%u", b);
			const struct var *got = var_get(m, &m->vars, name, len, index);

			cr_assert_eq(got ? got->value : 0, model[b][i]);
		}
	bare_finish(m);
}

Test(var, a_full_heap_is_refused_before_the_act)
{
	struct machine *m = bare(1 << 20);
	struct var v = page(1, 0);
	unsigned made = 0;
	int err = 0;

	for (; made < 100000; made++) {
		char name[16];
		size_t len = (size_t)snprintf(name, sizeof(name), "n%u", made);

		err = var_room(m, &m->vars, name, len, 0);
		if (err)
			break;
		cr_assert_eq(var_set(m, &m->vars, name, len, 0, &v), 0);
	}
	cr_assert_eq(err, -ENOMEM);
	cr_assert_gt(made, 0);
	cr_assert_eq(m->vars.nr_values, made);
	/* A name that exists needs no room. */
	cr_assert_eq(var_room(m, &m->vars, "n0", 2, 0), 0);
	bare_finish(m);
}

Test(var, who_has_a_page)
{
	struct machine *m = bare(1 << 20);
	struct var v = page(1024, 3);
	char name[VAR_NAME_MAX + 12];

	cr_assert_eq(var_set(m, &m->vars, "buf", 3, VAR_NO_INDEX, &v), 0);
	cr_assert(var_of_page(m, &m->vars, 1031, 0, name));
	cr_assert_str_eq(name, "buf");
	cr_assert_not(var_of_page(m, &m->vars, 1032, 0, name));
	cr_assert_not(var_of_page(m, &m->vars, 1023, 0, name));
	/* An address names the page at it. */
	v = (struct var){.value = 0xc0100000, .kind = VAR_ADDRESS, .bytes = 5000};
	cr_assert_eq(var_set(m, &m->vars, "a", 1, 7, &v), 0);
	cr_assert(var_of_page(m, &m->vars, 5, 0xc0101000, name));
	cr_assert_str_eq(name, "a.7");
	cr_assert_not(var_of_page(m, &m->vars, 5, 0xc0102000, name));
	bare_finish(m);
}

/* Scopes: the same name holds one thing in the machine's names and another in a process's. */
Test(var, scopes_are_apart_copied_and_ended)
{
	struct machine *m = bare(16 << 20);
	struct vars own = {0}, copy;
	struct var v = page(1, 0), w = page(2, 0);
	uint64_t used = m->heap.used_bytes;

	cr_assert_null(var_get(m, &own, "p", 1, VAR_NO_INDEX));
	cr_assert_eq(var_set(m, &m->vars, "p", 1, VAR_NO_INDEX, &v), 0);
	uint64_t with_machines = m->heap.used_bytes;
	for (uint32_t i = 0; i < 700; i += 7)
		cr_assert_eq(var_set(m, &own, "p", 1, i * 1000, &w), 0);
	cr_assert_eq(var_set(m, &own, "p", 1, VAR_NO_INDEX, &w), 0);
	cr_assert_eq(var_get(m, &m->vars, "p", 1, VAR_NO_INDEX)->value, 1);
	cr_assert_eq(var_get(m, &own, "p", 1, VAR_NO_INDEX)->value, 2);

	cr_assert_eq(vars_copy(m, &copy, &own), 0);
	cr_assert_eq(copy.nr_values, own.nr_values);
	vars_finish(m, &own);
	cr_assert_eq(own.nr_values, 0);
	cr_assert_null(var_get(m, &own, "p", 1, VAR_NO_INDEX));
	cr_assert_eq(var_get(m, &copy, "p", 1, 693 * 1000)->value, 2);
	vars_finish(m, &copy);
	cr_assert_eq(m->heap.used_bytes, with_machines);

	/* No room for the copy: nothing of it stays. */
	for (uint32_t i = 0; i < 300; i++)
		cr_assert_eq(var_set(m, &own, "p", 1, i * 1000, &w), 0);
	uint64_t before = m->heap.used_bytes;
	cr_assert_eq(vars_copy(m, &copy, &own), -ENOMEM);
	cr_assert_eq(copy.cap_bases, 0);
	cr_assert_eq(m->heap.used_bytes, before);
	cr_assert_gt(with_machines, used);
}
