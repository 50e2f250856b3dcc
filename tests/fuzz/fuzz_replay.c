/* SPDX-License-Identifier: MIT
 *
 * Any bytes to sim/replay: every line is accounted for, the machine's checks hold, and what the recording holds is
 * never more than what is in use.
 *
 * The first byte says how the rest is cut into writes, and whether the stream is strict.
 */
#include "fuzz.h"

#include "machine.h"

#include "simm/simm.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static ssize_t put(struct simm_write *w)
{
	enum simm_step step;

	assert(w);
	while ((step = simm_write_step(w)) == SIMM_MORE)
		;
	assert(step == SIMM_DONE);
	return simm_write_end(w);
}

static void write_pieces(struct simm_open *file, const uint8_t *data, size_t size, size_t piece)
{
	for (size_t at = 0; at < size;) {
		size_t n = size - at < piece ? size - at : piece;
		ssize_t done = put(simm_write_begin(file, data + at, n, at, 1));

		assert(done <= (ssize_t)n && done != 0);
		at += done < 0 ? n : (size_t)done;
	}
	ssize_t flushed = put(simm_flush_begin(file, 1));
	assert(flushed <= 0);
	(void)flushed;
}

static unsigned long long value(const char *report, const char *key)
{
	size_t len = strlen(key);

	for (const char *at = report; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, key, len) && at[len] == ' ')
			return strtoull(at + len, NULL, 10);
	}
	abort();
}

static void check_report(struct simm *simm)
{
	static char report[1 << 16];
	ssize_t n = simm_file_read(simm, "sim/replay", report, sizeof(report) - 1);

	assert(n > 0);
	report[n] = '\0';
	assert(value(report, "lines") == value(report, "comments") + value(report, "events") +
						 value(report, "calls") +
						 value(report, "malformed"));
	assert(value(report, "events") ==
		value(report, "applied") + value(report, "skipped") + value(report, "failures"));
	assert(value(report, "live_pages") <= (24 << 20) / 4096);
	assert(value(report, "applied_frees") <= value(report, "applied_allocs") << 10);
	assert(!value(report, "failures_free"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[1 << 16];
	struct simm_node node;
	struct simm_open *file;

	if (!size)
		return 0;
	struct simm *simm = fuzz_machine("pc-i386", "24M");
	int err = simm_resolve(simm, "sim/replay", &node);
	assert(!err);
	err = simm_open(simm, &node, SIMM_O_WRITE, &file);
	assert(!err);
	if (data[0] & 1)
		write_pieces(file, (const uint8_t *)"strict\n", 7, 7);
	write_pieces(file, data + 1, size - 1, data[0] > 1 ? data[0] * 8u : 1);
	simm_release(file);
	check_report(simm);
	ssize_t n = simm_file_read(simm, "sim/check", text, sizeof(text));
	assert(n == 3 && !memcmp(text, "ok\n", 3));
	simm_destroy(simm);
	(void)err;
	(void)n;
	return 0;
}
