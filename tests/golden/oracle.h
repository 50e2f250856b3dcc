/* SPDX-License-Identifier: MIT
 *
 * Tests against the oracle: what real kernels printed. It lies outside the repository; SIMM_SHARED
 * names it, and tests that need it are skipped where it does not exist.
 */
#ifndef SIMM_TESTS_ORACLE_H
#define SIMM_TESTS_ORACLE_H

#include "mm/machine.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The whole of oracle/@path as a string (to be freed), or NULL. */
static inline char *oracle_read(const char *path)
{
	const char *shared = getenv("SIMM_SHARED");
	char name[512];

	if (!shared)
		return NULL;
	snprintf(name, sizeof(name), "%s/oracle/%s", shared, path);
	FILE *f = fopen(name, "r");
	if (!f)
		return NULL;
	size_t cap = 1 << 16, len = 0, got;
	char *data = malloc(cap + 1);
	while (data && (got = fread(data + len, 1, cap - len, f)) > 0) {
		len += got;
		if (len == cap) {
			cap *= 2;
			data = realloc(data, cap + 1);
		}
	}
	fclose(f);
	if (data)
		data[len] = '\0';
	return data;
}

/* As oracle_read(), and skip the test when there is none. */
static inline char *oracle_need(const char *path)
{
	char *data = oracle_read(path);

	if (!data)
		cr_skip_test("no ../shared/oracle/%s here (SIMM_SHARED)", path);
	return data;
}

/* The number behind @name at the beginning of a line of "name[:] number" lines; 0 when there is none. */
static inline int64_t named_number(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = text; line && *line;
		line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (!strncmp(line, name, len) &&
			(line[len] == ':' || isspace((unsigned char)line[len])))
			return strtoll(line + len + 1, NULL, 10);
	return 0;
}

/* Cut @text at its tabs into at most @n fields; returns how many. */
static inline unsigned tsv_fields(char *text, const char **field, unsigned n)
{
	unsigned count = 0;

	for (char *s = text; s && count < n;) {
		field[count++] = s;
		s = strchr(s, '\t');
		if (s)
			*s++ = '\0';
	}
	return count;
}

#endif
