/* SPDX-License-Identifier: MIT
 *
 * Any lines "name=value" as options of a preset: refused with a sentence, or a machine that boots and passes its
 * checks. The first byte chooses the preset.
 */
#include "fuzz.h"

#include "base/text.h"
#include "mm/machine.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void give(struct machine_desc *d, char *line)
{
	struct refusal why = {0};
	char *value = strchr(line, '=');

	if (value)
		*value++ = '\0';
	int err = describe_option(d, line, value, &why);
	assert(!err || err == -ENOENT || *why.sentence);
	(void)err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct machine_desc d;
	struct refusal why = {0};
	struct machine *m = NULL;
	const struct preset *p = size ? preset_nth(data[0] % 8) : NULL;

	if (!p || describe_fdt(&d, p->fdt, &why))
		return 0;
	char *text = malloc(size + 1), *save = NULL;
	assert(text);
	memcpy(text, data, size);
	text[size] = '\0';
	for (char *line = strtok_r(text + 1, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		give(&d, line);
	free(text);
	int err = describe_finish(&d, &why);
	if (!err)
		err = machine_create(&d, &m, &why);
	assert(!err || (why.err == -err && *why.sentence));
	if (err)
		return 0;
	struct text t;
	text_init(&t);
	unsigned bad = machine_check(m, &t);
	assert(!bad);
	(void)bad;
	text_finish(&t);
	machine_destroy(m);
	return 0;
}
