/* SPDX-License-Identifier: MIT
 *
 * Texts that are files of the source and files of the mount: made into a table by fs-layout/embed.py.
 */
#ifndef SIMM_VIEW_EMBEDDED_H
#define SIMM_VIEW_EMBEDDED_H

#include "base/text.h"

struct embedded {
	const char *name; /* "README", "lesson/01-buddy.sh" */
	const void *data;
	size_t len;
	unsigned mode;
};
/* Ends with a row without a name. */
extern const struct embedded embedded_files[];

#endif
