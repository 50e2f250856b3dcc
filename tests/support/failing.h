/* SPDX-License-Identifier: MIT
 *
 * Acts that may fail with one error and no other, because a test lets allocations fail: each failure is counted.
 *
 *	struct program { struct machine *m; int only; unsigned failures; ... } *p;
 *	if (!failed(p, vmalloc(p->m, ...)))
 */
#ifndef TESTS_SUPPORT_FAILING_H
#define TESTS_SUPPORT_FAILING_H

#include "mm/machine.h"

#include <criterion/criterion.h>

static inline bool failed_with(const struct machine *m, int only, unsigned *failures, int err)
{
	if (!err)
		return false;
	cr_expect_eq(err, -only, "%d: %s", err, m->why.sentence);
	++*failures;
	return true;
}

#define failed(p, err) failed_with((p)->m, (p)->only, &(p)->failures, err)

#endif
