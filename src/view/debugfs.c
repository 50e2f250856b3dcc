/* SPDX-License-Identifier: MIT
 *
 * Numbers that are written to debugfs (see debugfs.h): digits of base 10, 16 after 0x, 8 after 0, one sign, and one newline at
 * the end; nothing else, no blank either.
 *
 * Follows lib/kstrtox.c and fs/libfs.c (simple_attr_write()) of 6.1.
 */
#include "view/debugfs.h"

#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int debugfs_number(const char *s, size_t len, int64_t *value)
{
	char word[24], *end;

	len = parse_line_len(s, len);
	if (!len || len >= sizeof(word) || isspace((unsigned char)s[0]))
		return -EINVAL;
	memcpy(word, s, len);
	word[len] = '\0';
	errno = 0;
	*value = (int64_t)(word[0] == '-' ? (unsigned long long)strtoll(word, &end, 0)
					  : strtoull(word, &end, 0));
	if (*end || end == word)
		return -EINVAL;
	return errno ? -ERANGE : 0;
}

int debugfs_u32(const char *s, size_t len, uint32_t *value)
{
	int64_t number = 0;
	int err = len && *s == '-' ? -EINVAL : debugfs_number(s, len, &number);

	*value = (uint32_t)number;
	return err;
}
