/* SPDX-License-Identifier: MIT
 *
 * What the model tests share: dice from a seed, and counting disagreements instead of ending at the first, so that a test
 * which is broken on purpose can be seen to notice.
 *
 *	struct model { struct model_run run; ... } x;
 *	expect(&x, free_pages(m) == x.free);
 *
 * For long runs the environment says which seeds and how many steps:
 *	model_seeds("SIMM_PROCESS_SEEDS", &first, &last);
 */
#ifndef TESTS_SUPPORT_MODEL_H
#define TESTS_SUPPORT_MODEL_H

#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>

struct model_run {
	struct rng rng;
	unsigned wrong; /* disagreements, and the place of the first */
	const char *first_file;
	int first_line;
};

/* Count a disagreement and keep the first one's place. */
#define expect(x, ok)                                                                              \
	do {                                                                                       \
		if (!(ok) && !(x)->run.wrong++) {                                                  \
			(x)->run.first_file = __FILE__;                                            \
			(x)->run.first_line = __LINE__;                                            \
		}                                                                                  \
	} while (0)

#define dice(x, sides) rng_below(&(x)->run.rng, sides)

/* The variable @name as "FIRST-LAST"; they stay as they are when it is not there. */
static inline void model_seeds(const char *name, uint64_t *first, uint64_t *last)
{
	const char *s = getenv(name);
	unsigned long long from, to;

	if (!s || sscanf(s, "%llu-%llu", &from, &to) != 2)
		return;
	*first = from;
	*last = to;
}

/* The variable @name as a number; @otherwise when it is not there. */
static inline unsigned model_number(const char *name, unsigned otherwise)
{
	const char *s = getenv(name);

	return s ? (unsigned)strtoul(s, NULL, 0) : otherwise;
}

#endif
