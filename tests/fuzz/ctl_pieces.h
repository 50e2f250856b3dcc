/* SPDX-License-Identifier: MIT
 *
 * Any bytes written to a ctl file in pieces, as clients do it, for the targets of ctl files.
 */
#ifndef TESTS_FUZZ_CTL_PIECES_H
#define TESTS_FUZZ_CTL_PIECES_H

#include "simm/simm.h"

#include <assert.h>
#include <stdint.h>

#define PATIENCE 8

/* To its end: a line that takes more slices than a client's patience is interrupted, as by ^C. */
static inline ssize_t put(struct simm_write *w)
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

static inline void write_pieces(struct simm_open *ctl, const uint8_t *data, size_t size, size_t piece)
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
		(void)got;
	}
}

/* The whole of @data to @path, and what is left of a line at its close. */
static inline void write_to_ctl(
	struct simm *simm, const char *path, const uint8_t *data, size_t size, size_t piece)
{
	struct simm_node node;
	struct simm_open *ctl;

	int err = simm_resolve(simm, path, &node);
	assert(!err);
	err = simm_open(simm, &node, SIMM_O_READ | SIMM_O_WRITE, &ctl);
	assert(!err);
	write_pieces(ctl, data, size, piece);
	ssize_t flushed = put(simm_flush_begin(ctl, 1));
	assert(flushed <= 0);
	simm_release(ctl);
	(void)flushed;
	(void)err;
}

#endif
