/* SPDX-License-Identifier: MIT
 *
 * What the model tests share: dice from a seed, and counting disagreements instead of ending at the first, so that a test
 * which is broken on purpose can be seen to notice.
 *
 *	struct model { struct model_run run; ... } x;
 *	expect(&x, free_pages(m) == x.free);
 */
#ifndef TESTS_SUPPORT_MODEL_H
#define TESTS_SUPPORT_MODEL_H

#include "base/rng.h"

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

#endif
