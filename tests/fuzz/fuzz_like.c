/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a dump of /proc and /sys: refused with a sentence, or a machine that boots and passes its checks.
 *
 * The input is files one behind the other, each begun by a line "=== path".
 */
#include "fuzz.h"

#include "base/text.h"
#include "mm/machine.h"

#include <assert.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

static const char *next_file(const char *at, const char *end)
{
	while (at < end) {
		if (end - at > 4 && !memcmp(at, "=== ", 4))
			return at;
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			return end;
		at = newline + 1;
	}
	return end;
}

static int feed(struct machine_desc *d, const char *at, const char *end, struct refusal *why)
{
	char path[128];
	const char *newline = memchr(at, '\n', (size_t)(end - at));
	size_t len = newline ? (size_t)(newline - at) - 4 : 0;

	if (!newline || len >= sizeof(path))
		return 0;
	memcpy(path, at + 4, len);
	path[len] = '\0';
	size_t bytes = (size_t)(end - newline) - 1;
	char *copy = malloc(bytes ? bytes : 1);
	assert(copy);
	memcpy(copy, newline + 1, bytes);
	int err = describe_like_file(d, path, copy, bytes, why);
	free(copy);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct machine_desc d;
	const char *end = (const char *)data + size, *at = next_file((const char *)data, end);
	struct refusal why = {0};
	struct machine *m = NULL;
	int err = 0;

	memset(&d, 0, sizeof(d));
	while (at < end && !err) {
		const char *next = next_file(at + 1, end);

		err = feed(&d, at, next, &why);
		at = next;
	}
	if (!err && !d.like.set)
		return 0;
	if (!err)
		err = describe_finish(&d, &why);
	if (!err)
		err = machine_create(&d, &m, &why);
	assert(!err || (why.err == -err && *why.sentence));
	if (err)
		return 0;
	struct text t;
	text_init(&t);
	unsigned bad = machine_check(m, &t);
	if (bad)
		fputs(text_str(&t), stderr);
	assert(!bad);
	text_finish(&t);
	machine_destroy(m);
	return 0;
}
