/* SPDX-License-Identifier: MIT
 *
 * Any bytes to sim/ctl: the machine's checks hold afterwards, and nobody waits for ever.
 *
 * The first byte says how the rest is cut into writes, since a client's pieces end anywhere.
 */
#include "fuzz.h"

#include "ctl_pieces.h"
#include "machine.h"

#include <stdbool.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[1 << 17];

	if (!size)
		return 0;
	struct simm *simm = fuzz_machine("pc-i386", "24M");
	write_to_ctl(simm, "sim/ctl", data + 1, size - 1, data[0] ? data[0] * 8u : 1);
	ssize_t n = simm_file_read(simm, "sim/check", text, sizeof(text));
	assert(n == 3 && !memcmp(text, "ok\n", 3));
	n = simm_file_read(simm, "sim/errors", text, sizeof(text));
	assert(n >= 0 && n <= 64 << 10);
	simm_destroy(simm);
	(void)n;
	return 0;
}
