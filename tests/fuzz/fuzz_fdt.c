/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a devicetree: refused with a sentence, or a machine that boots and passes its checks.
 */
#include "fuzz.h"

#include "base/text.h"
#include "mm/machine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void boot(struct machine_desc *d, struct refusal *why)
{
	struct machine *m = NULL;
	struct text t;
	int err = describe_finish(d, why);

	if (!err)
		err = machine_create(d, &m, why);
	assert(!err || (why->err == -err && *why->sentence));
	if (err)
		return;
	text_init(&t);
	unsigned bad = machine_check(m, &t);
	assert(!bad);
	(void)bad;
	text_finish(&t);
	machine_destroy(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct machine_desc d;
	struct refusal why = {0};

	memset(&d, 0, sizeof(d));
	/* A copy of its own, so that the sanitizer sees a read beyond. */
	void *copy = malloc(size ? size : 1);
	assert(copy);
	memcpy(copy, data, size);
	int err = describe_fdt(&d, (struct blob){copy, size}, &why);
	free(copy);
	assert(!err || *why.sentence);
	if (!err)
		boot(&d, &why);
	return 0;
}
