/* SPDX-License-Identifier: MIT
 *
 * A machine of one zone for tests of files and their page cache.
 */
#ifndef TESTS_SUPPORT_FILES_H
#define TESTS_SUPPORT_FILES_H

#include "support/hand.h"

#include "base/text.h"
#include "mm/process/file.h"

#include <criterion/criterion.h>

static inline struct machine *files_machine(void)
{
	struct hand h = {.nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .pages = 16384, .min = 16}}};

	return hand_machine(&h);
}

/* Fail the test when the checks of files or of the machine find anything. */
static inline void files_machine_check(struct machine *m)
{
	struct text out;

	text_init(&out);
	cr_expect_eq(files_check(m, &out), 0, "%s", text_str(&out));
	text_finish(&out);
	hand_check(m);
}

#endif
