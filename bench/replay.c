/* SPDX-License-Identifier: MIT
 *
 * Replaying a recording, in one run with what merely reading it costs:
 *
 *	bench-replay TRACE.txt			count lines; parse; replay in the engine, through libsimm's write
 *	bench-replay TRACE.txt MNT/sim/replay	and through a mount, in the pieces in which cat writes
 *
 * Counting the lines of the text in memory (what wc -l does) is the peer; each figure is the best of several rounds,
 * and every round of the engine starts on a machine just booted.
 */
#include "replay/ftrace.h"
#include "simm/simm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 5, PIECE = 128 << 10 };

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

struct text_file {
	char *data;
	size_t len;
};

static uint64_t volatile sink;

static uint64_t count_lines(const struct text_file *f)
{
	uint64_t lines = 0;

	for (const char *p = f->data, *end = f->data + f->len;
		(p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		lines++;
	return lines;
}

static void parse(const struct text_file *f)
{
	const char *p = f->data, *end = f->data + f->len;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *stop = newline ? newline : end;
		struct ftrace_line l;

		ftrace_parse(p, (size_t)(stop - p), &l);
		sink += l.kind;
		p = stop + 1;
	}
}

static struct simm *machine(void)
{
	struct simm_config *config = simm_config_new();
	char error[512] = "";
	struct simm *simm = NULL;

	if (config && !simm_config_machine(config, "pc-x86_64", error, sizeof(error)) &&
		!simm_config_option(config, "ram", "24G", error, sizeof(error)))
		simm = simm_create(config, error, sizeof(error));
	simm_config_free(config);
	if (!simm) {
		fprintf(stderr, "bench-replay: %s\n", error);
		exit(1);
	}
	return simm;
}

static void replay(struct simm *simm, const struct text_file *f)
{
	struct simm_node node;
	struct simm_open *file;

	if (simm_resolve(simm, "sim/replay", &node) || simm_open(simm, &node, SIMM_O_WRITE, &file))
		exit(1);
	for (size_t at = 0; at < f->len;) {
		size_t n = f->len - at < PIECE ? f->len - at : PIECE;
		struct simm_write *w = simm_write_begin(file, f->data + at, n, at, 1);

		while (simm_write_step(w) == SIMM_MORE)
			;
		ssize_t done = simm_write_end(w);
		if (done <= 0)
			exit(1);
		at += (size_t)done;
	}
	simm_release(file);
}

static void replay_mounted(const char *path, const struct text_file *f)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0) {
		perror(path);
		exit(1);
	}
	for (size_t at = 0; at < f->len;) {
		size_t n = f->len - at < PIECE ? f->len - at : PIECE;
		ssize_t done = write(fd, f->data + at, n);

		if (done <= 0) {
			perror(path);
			exit(1);
		}
		at += (size_t)done;
	}
	if (close(fd))
		perror(path);
}

static struct text_file read_file(const char *path)
{
	struct text_file f = {0};
	FILE *in = fopen(path, "r");
	size_t cap = 1 << 20, got;

	if (!in) {
		perror(path);
		exit(1);
	}
	f.data = malloc(cap);
	while (f.data && (got = fread(f.data + f.len, 1, cap - f.len, in)) > 0) {
		f.len += got;
		if (f.len == cap)
			f.data = realloc(f.data, cap *= 2);
	}
	fclose(in);
	return f;
}

static void report(const char *what, uint64_t ns, uint64_t lines, uint64_t peer_ns)
{
	printf("%-10s %8.1f ns a line  %6.2f M lines/s  %7.1fx wc -l\n", what,
		(double)ns / (double)lines, (double)lines * 1e3 / (double)ns,
		(double)ns / (double)peer_ns);
}

int main(int argc, char **argv)
{
	uint64_t best[4] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}, lines = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: %s TRACE.txt [MNT/sim/replay]\n", argv[0]);
		return 2;
	}
	struct text_file f = read_file(argv[1]);
	for (int round = 0; round < ROUNDS; round++) {
		struct simm *simm = machine();
		uint64_t t[5];

		t[0] = now_ns();
		lines = count_lines(&f);
		t[1] = now_ns();
		parse(&f);
		t[2] = now_ns();
		replay(simm, &f);
		t[3] = now_ns();
		if (argc > 2)
			replay_mounted(argv[2], &f);
		t[4] = now_ns();
		for (int i = 0; i < 4; i++)
			best[i] = t[i + 1] - t[i] < best[i] ? t[i + 1] - t[i] : best[i];
		simm_destroy(simm);
	}
	report("wc -l", best[0], lines, best[0]);
	report("parse", best[1], lines, best[0]);
	report("engine", best[2], lines, best[0]);
	if (argc > 2)
		report("mount", best[3], lines, best[0]);
	free(f.data);
	return 0;
}
