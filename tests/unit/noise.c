/* SPDX-License-Identifier: MIT
 *
 * Claim: whatever is written to whatever can be written, the machine's checks hold and every file can still be read.
 * A mebibyte of noise to each writable file: of any bytes, of printable ones, of lines.
 */
#include "support/world.h"

#include "base/rng.h"
#include "tree/tree.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOISE_BYTES ((size_t)1 << 20)
#define PIECE_BYTES ((size_t)128 << 10)

enum noise { ANY_BYTES, PRINTABLE, LINES, NUMBERS, NR_NOISES };

struct visit {
	struct simm *simm;
	struct simm_node dir;
	char *noise;
	char *sink;
	unsigned written;
};

static void make_noise(char *noise, enum noise kind, uint64_t seed)
{
	struct rng rng = {seed};

	for (size_t i = 0; i < NOISE_BYTES; i++) {
		uint32_t r = rng_below(&rng, 256);

		noise[i] = kind == ANY_BYTES	     ? (char)r
			   : kind == NUMBERS	     ? "0123456789-xk \n"[r % 15]
			   : kind == LINES && r < 16 ? '\n'
						     : (char)(' ' + r % 95);
	}
}

static enum simm_step step_all(struct simm_write *w)
{
	enum simm_step step;

	for (unsigned n = 0; (step = simm_write_step(w)) != SIMM_DONE; n++)
		if (n == 20 || step == SIMM_WAIT)
			simm_write_interrupt(w);
	return step;
}

static void write_noise(struct visit *v, const struct simm_node *node)
{
	struct simm_open *open;

	if (simm_open(v->simm, node, SIMM_O_WRITE, &open))
		return;
	for (size_t at = 0; at < NOISE_BYTES; at += PIECE_BYTES) {
		struct simm_write *w = simm_write_begin(open, v->noise + at, PIECE_BYTES, at, 1);

		step_all(w);
		ssize_t n = simm_write_end(w);
		cr_assert(n >= -4095 && n <= (ssize_t)PIECE_BYTES);
	}
	struct simm_write *flush = simm_flush_begin(open, 1);
	step_all(flush);
	simm_write_end(flush);
	simm_release(open);
	v->written++;
}

static bool visit(void *data, const char *name, const struct simm_attr *attr, uint64_t cookie);

static void visit_dir(struct visit *v, const struct simm_node *dir)
{
	struct visit inner = *v;

	inner.dir = *dir;
	inner.written = 0;
	cr_assert_eq(simm_readdir(v->simm, dir, 0, visit, &inner), 0);
	v->written += inner.written;
}

static bool visit(void *data, const char *name, const struct simm_attr *attr, uint64_t cookie)
{
	struct visit *v = data;
	struct simm_node node;
	struct simm_open *open;

	(void)cookie;
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return true;
	cr_assert_eq(simm_lookup(v->simm, &v->dir, name, &node), 0, "%s", name);
	if (attr->type == SIMM_DIR)
		visit_dir(v, &node);
	else if (attr->type == SIMM_FILE && v->noise && attr->mode & 0222)
		write_noise(v, &node);
	else if (attr->type == SIMM_FILE && !v->noise &&
		 !simm_open(v->simm, &node, SIMM_O_READ, &open)) {
		cr_assert_geq(simm_read(open, v->sink, PIECE_BYTES, 0), -4095);
		simm_release(open);
	}
	return true;
}

Test(noise, every_writable_file_of_a_machine)
{
	static const char *const machines[] = {"pc-i386", "arm64-virt"};
	struct simm_node root = {0};

	for (unsigned i = 0; i < 2; i++) {
		struct simm *simm = world(machines[i], "ram", "128M", NULL);
		struct visit v = {
			.simm = simm, .noise = malloc(NOISE_BYTES), .sink = malloc(PIECE_BYTES)};

		for (unsigned kind = 0; kind < NR_NOISES; kind++) {
			make_noise(v.noise, (enum noise)kind, 7 * i + kind);
			visit_dir(&v, &root);
			cr_assert_str_eq(world_cat(simm, "sim/check"), "ok\n");
		}
		cr_assert_gt(v.written, 4 * 50);
		char *noise = v.noise;
		v.noise = NULL;
		visit_dir(&v, &root);
		free(noise);
		free(v.sink);
		simm_destroy(simm);
	}
}
