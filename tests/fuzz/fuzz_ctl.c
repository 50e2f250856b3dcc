/* SPDX-License-Identifier: MIT
 *
 * Any bytes to sim/ctl: the machine's checks hold afterwards, and nobody waits for ever.
 *
 * The first byte says how the rest is cut into writes, since a client's pieces end anywhere. A line that takes more
 * slices than a client's patience is interrupted, as by ^C.
 */
#include "fuzz.h"

#include "simm/simm.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#define PATIENCE 8

static ssize_t put(struct simm_write *w)
{
	enum simm_step step;

	assert(w);
	for (unsigned n = 0; (step = simm_write_step(w)) != SIMM_DONE; n++) {
		/* Nobody else acts: what waits would wait for ever. */
		if (step == SIMM_WAIT || n == PATIENCE)
			simm_write_interrupt(w);
		assert(n < 4 * PATIENCE);
	}
	return simm_write_end(w);
}

static struct simm *machine(void)
{
	struct simm_config *config = simm_config_new();
	char error[512];
	int err = simm_config_machine(config, "pc-i386", error, sizeof(error));

	assert(!err);
	err = simm_config_option(config, "ram", "24M", error, sizeof(error));
	assert(!err);
	struct simm *simm = simm_create(config, error, sizeof(error));
	assert(simm);
	simm_config_free(config);
	return simm;
}

static void write_pieces(struct simm_open *ctl, const uint8_t *data, size_t size, size_t piece)
{
	char results[512];

	for (size_t at = 0; at < size;) {
		size_t n = size - at < piece ? size - at : piece;
		ssize_t done = put(simm_write_begin(ctl, data + at, n, at, 1));

		assert(done <= (ssize_t)n && done != 0);
		/* Go on behind a refused piece, as a loop of echoes does. */
		at += done < 0 ? n : (size_t)done;
		ssize_t got = simm_read(ctl, results, sizeof(results), 0);
		assert(got >= 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[1 << 17];
	struct simm_node node;
	struct simm_open *ctl;

	if (!size)
		return 0;
	struct simm *simm = machine();
	int err = simm_resolve(simm, "sim/ctl", &node);
	assert(!err);
	err = simm_open(simm, &node, SIMM_O_READ | SIMM_O_WRITE, &ctl);
	assert(!err);
	write_pieces(ctl, data + 1, size - 1, data[0] ? data[0] * 8u : 1);
	ssize_t flushed = put(simm_flush_begin(ctl, 1));
	assert(flushed <= 0);
	simm_release(ctl);
	ssize_t n = simm_file_read(simm, "sim/check", text, sizeof(text));
	assert(n == 3 && !memcmp(text, "ok\n", 3));
	n = simm_file_read(simm, "sim/errors", text, sizeof(text));
	assert(n >= 0 && n <= 64 << 10);
	simm_destroy(simm);
	(void)err;
	(void)n;
	(void)flushed;
	return 0;
}
