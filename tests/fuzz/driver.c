/* SPDX-License-Identifier: MIT
 *
 * A main() for fuzz targets, for compilers without libFuzzer and for the short runs of ./test:
 *
 *	fuzz-ctl [-runs=N] [-seed=N] [-max_len=N] CORPUS...		files, or folders of files
 *
 * 1. Every file of the corpus is run as it is.
 * 2. N inputs are made from them by a few random edits each: bits, bytes, blocks copied, cut, repeated, and pieces
 *    of other files put in. The same seed makes the same inputs.
 *
 * An input that ends the program is left in ./crash-SEED-RUN; given as the only argument it is run alone. For hours
 * instead of seconds, build with clang and -Dlibfuzzer=true: the same targets then have libFuzzer's main().
 */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_MAX ((size_t)1 << 20)

struct input {
	uint8_t *data;
	size_t len;
};

static struct input *corpus;
static size_t nr_corpus;
static size_t max_len = 4096;
static uint64_t seed = 1, run;

/* What is being run, for the crash file. */
static const uint8_t *current;
static size_t current_len;

static void leave_crash_file(void)
{
	char name[64];

	snprintf(name, sizeof(name), "crash-%llu-%llu", (unsigned long long)seed,
		(unsigned long long)run);
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0)
		return;
	if (write(fd, current, current_len) == (ssize_t)current_len)
		fprintf(stderr, "fuzz: the input is in %s\n", name);
	close(fd);
}

static void on_signal(int signal_number)
{
	leave_crash_file();
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

/* Sanitizers end the program in their own way; this is how they tell. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void run_one(const uint8_t *data, size_t len)
{
	/* A copy of exactly that size, so that a read past its end is seen. */
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	memcpy(copy, data, len);
	current = copy;
	current_len = len;
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
	run++;
}

/* ---- the corpus ---- */

static void add_input(uint8_t *data, size_t len)
{
	corpus = realloc(corpus, (nr_corpus + 1) * sizeof(*corpus));
	if (!corpus)
		abort();
	corpus[nr_corpus++] = (struct input){data, len};
}

static void add_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(INPUT_MAX);

	if (!f || !data) {
		perror(path);
		exit(2);
	}
	add_input(data, fread(data, 1, INPUT_MAX, f));
	fclose(f);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void add_path(const char *path)
{
	struct stat st;
	struct dirent **entries;

	if (stat(path, &st)) {
		perror(path);
		exit(2);
	}
	if (!S_ISDIR(st.st_mode)) {
		add_file(path);
		return;
	}
	int n = scandir(path, &entries, NULL, by_name);
	for (int i = 0; i < n; i++) {
		char name[4096];

		snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && !stat(name, &st) && S_ISREG(st.st_mode))
			add_file(name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

/* ---- edits ---- */

static uint64_t state;

static uint64_t next_random(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static size_t below(size_t bound)
{
	return bound ? (size_t)(next_random() % bound) : 0;
}

/* Put @n bytes in at @at; what no longer fits is cut. */
static size_t insert(uint8_t *out, size_t len, size_t at, const uint8_t *data, size_t n)
{
	uint8_t piece[256];

	n = n < sizeof(piece) ? n : sizeof(piece);
	n = n < max_len - len ? n : max_len - len;
	memcpy(piece, data, n);
	memmove(out + at + n, out + at, len - at);
	memcpy(out + at, piece, n);
	return len + n;
}

static size_t cut(uint8_t *out, size_t len, size_t at, size_t n)
{
	n = n < len - at ? n : len - at;
	memmove(out + at, out + at + n, len - at - n);
	return len - n;
}

static size_t edit(uint8_t *out, size_t len)
{
	static const uint8_t odd[] = {
		0, 1, 0x7f, 0x80, 0xff, '\n', '\r', ' ', '=', '.', '-', '+', '0', '9', '{', '"'};
	const struct input *other = &corpus[below(nr_corpus)];
	size_t at = below(len + 1), from = below(other->len + 1);

	switch (below(8)) {
	case 0:
		if (at < len)
			out[at] ^= (uint8_t)(1u << below(8));
		return len;
	case 1:
		if (at < len)
			out[at] = odd[below(sizeof(odd))];
		return len;
	case 2:
		return insert(out, len, at, &odd[below(sizeof(odd))], 1);
	case 3:
		return cut(out, len, at, 1 + below(4));
	case 4:
		return cut(out, len, at, below(len / 2 + 1));
	case 5:
		return insert(out, len, at, out + at, below(len - at + 1));
	case 6:
		return insert(out, len, at, other->data + from, below(other->len - from + 1));
	default:
		for (size_t n = below(8); n--; at++)
			if (at < len)
				out[at] = (uint8_t)next_random();
		return len;
	}
}

static void run_mutation(uint8_t *buffer)
{
	const struct input *base = &corpus[below(nr_corpus)];
	size_t len = base->len < max_len ? base->len : max_len;

	memcpy(buffer, base->data, len);
	for (size_t edits = 1 + below(6); edits--;)
		len = edit(buffer, len);
	run_one(buffer, len);
}

static bool option(const char *arg, const char *name, uint64_t *value)
{
	size_t len = strlen(name);

	if (strncmp(arg, name, len))
		return false;
	*value = strtoull(arg + len, NULL, 0);
	return true;
}

int main(int argc, char **argv)
{
	uint64_t runs = 0, longest = max_len;
	static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM};

	for (int i = 1; i < argc; i++)
		if (!option(argv[i], "-runs=", &runs) && !option(argv[i], "-seed=", &seed) &&
			!option(argv[i], "-max_len=", &longest))
			add_path(argv[i]);
	max_len = longest < INPUT_MAX ? (size_t)longest : INPUT_MAX;
	if (!nr_corpus) {
		fprintf(stderr, "usage: %s [-runs=N] [-seed=N] [-max_len=N] CORPUS...\n", argv[0]);
		return 2;
	}
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(leave_crash_file);
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		if (!__sanitizer_set_death_callback || fatal[i] == SIGABRT || fatal[i] == SIGALRM)
			signal(fatal[i], on_signal);
	for (size_t i = 0; i < nr_corpus; i++)
		run_one(corpus[i].data, corpus[i].len);
	uint8_t *buffer = malloc(max_len + 1);
	if (!buffer)
		return 2;
	for (uint64_t i = 0; i < runs; i++) {
		/* Each input depends on the seed and its number alone, and has ten seconds. */
		state = seed * 0x9e3779b97f4a7c15 + i;
		alarm(10);
		run_mutation(buffer);
	}
	alarm(0);
	free(buffer);
	for (size_t i = 0; i < nr_corpus; i++)
		free(corpus[i].data);
	free(corpus);
	printf("%llu inputs, seed %llu\n", (unsigned long long)run, (unsigned long long)seed);
	return 0;
}
