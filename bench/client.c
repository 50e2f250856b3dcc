// SPDX-License-Identifier: MIT
/*
 * A client of mounted files, with a stop-watch.
 *
 *	client read FILE...       open, read to the end (128 KiB at a time), close; each in turn
 *	client calls CTL LINE...  LINEs again and again in writes of 1 MiB
 *	client beside FILE CTL TEXT  FILE again and again while another process writes TEXT to CTL
 *
 * `read` measures the files interleaved, ROUNDS rounds of OPENS opens each, and prints `us FILE`
 * with the lower quartile of the rounds, one line a file: ratios of one run mean something, single
 * numbers depend on the host's mood. `calls` prints lines per second, the best of a few writes. `beside` prints how
 * long the reads took: the median, the 99th of 100, the longest.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS	    401
#define OPENS	    20
#define BUFFER	    (128u << 10)
#define MAX_FILES   16
#define WRITE_BYTES (1u << 20)
#define WRITES	    8
#define MOST_READS  1000000

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int read_whole(const char *path, char *buffer)
{
	int fd = open(path, O_RDONLY);
	ssize_t got;

	if (fd < 0)
		return -1;
	while ((got = read(fd, buffer, BUFFER)) > 0)
		;
	close(fd);
	return got ? -1 : 0;
}

static int measure_reads(int nr, char **paths)
{
	static double us[MAX_FILES][ROUNDS];
	static char buffer[BUFFER];

	if (nr > MAX_FILES)
		return 2;
	for (int round = 0; round < ROUNDS; round++) {
		for (int f = 0; f < nr; f++) {
			double start = now_us();

			for (int i = 0; i < OPENS; i++) {
				if (read_whole(paths[f], buffer)) {
					perror(paths[f]);
					return 1;
				}
			}
			us[f][round] = (now_us() - start) / OPENS;
		}
	}
	for (int f = 0; f < nr; f++) {
		qsort(us[f], ROUNDS, sizeof(us[f][0]), compare);
		printf("%.2f %s\n", us[f][ROUNDS / 4], paths[f]);
	}
	return 0;
}

static int measure_calls(const char *ctl, int nr, char **lines)
{
	char *text = malloc(WRITE_BYTES + 1);
	size_t len = 0, round = 0, calls = 0;
	double best = 0;
	int fd = open(ctl, O_WRONLY);

	if (!text || fd < 0) {
		perror(ctl);
		return 1;
	}
	for (int i = 0; i < nr; i++)
		round += strlen(lines[i]) + 1;
	while (len + round <= WRITE_BYTES) {
		for (int i = 0; i < nr; i++)
			len += (size_t)sprintf(text + len, "%s\n", lines[i]);
		calls += (size_t)nr;
	}
	for (int i = 0; i < WRITES; i++) {
		double start = now_us();
		ssize_t written = write(fd, text, len);

		if (written != (ssize_t)len) {
			perror("write");
			return 1;
		}
		double rate = (double)calls / (now_us() - start) * 1e6;
		best = rate > best ? rate : best;
	}
	printf("%.0f calls a second (%zu calls in a write of %zu bytes)\n", best, calls, len);
	close(fd);
	free(text);
	return 0;
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t len = (ssize_t)strlen(text);

	if (fd < 0) {
		perror(path);
		return 2;
	}
	return write(fd, text, (size_t)len) != len || close(fd);
}

static int measure_beside(const char *path, const char *ctl, const char *text)
{
	static double us[MOST_READS];
	static char buffer[BUFFER];
	double start = now_us();
	pid_t writer = fork();
	unsigned nr = 0;
	int status = 0;

	if (!writer)
		_exit(write_text(ctl, text));
	while (writer > 0 && nr < MOST_READS && !waitpid(writer, &status, WNOHANG)) {
		double before = now_us();

		if (read_whole(path, buffer)) {
			perror(path);
			return 1;
		}
		us[nr++] = now_us() - before;
	}
	if (writer < 0 || !nr || WEXITSTATUS(status) > 1)
		return 1;
	qsort(us, nr, sizeof(us[0]), compare);
	printf("%u reads in %.0f ms: median %.2f ms, 99%% within %.2f ms, longest %.2f ms%s\n", nr,
		(now_us() - start) / 1e3, us[nr / 2] / 1e3, us[(unsigned)(nr * 0.99)] / 1e3,
		us[nr - 1] / 1e3, status ? " (refused in the end)" : "");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "read"))
		return measure_reads(argc - 2, argv + 2);
	if (argc > 3 && !strcmp(argv[1], "calls"))
		return measure_calls(argv[2], argc - 3, argv + 3);
	if (argc == 5 && !strcmp(argv[1], "beside"))
		return measure_beside(argv[2], argv[3], argv[4]);
	fputs("usage: client read FILE... | client calls CTL LINE... | client beside FILE CTL "
	      "TEXT\n",
		stderr);
	return 2;
}
