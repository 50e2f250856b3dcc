/* SPDX-License-Identifier: MIT
 *
 * The machines that come with the program: examples/machines/NAME.dts, compiled and embedded at
 * build time. A preset's line of manual is its `model`. The first one is the default.
 */
#include "mm/boot/preset.h"

#include <stddef.h>
#include <string.h>

const struct preset *preset_nth(unsigned i)
{
	const struct preset *p = presets;

	while (i && p->name) {
		i--;
		p++;
	}
	return p->name ? p : NULL;
}

const struct preset *preset_find(const char *name)
{
	for (const struct preset *p = presets; p->name; p++)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}
