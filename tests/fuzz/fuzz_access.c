/* SPDX-License-Identifier: MIT
 *
 * Any bytes as the references of a process: every line of a write is counted once, as one of the kinds that the report
 * has; the machine's checks hold; the files of the process can be read; its end gives everything back.
 *
 * The first byte chooses the machine, the second says how the rest is cut into writes, and whether pages are mapped on
 * first touch from the beginning.
 */
#include "fuzz.h"

#include "ctl_pieces.h"
#include "machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCESS "sim/tasks/prog/access"

static char text[1 << 18];

static const char *read_file(struct simm *simm, const char *path)
{
	ssize_t n = simm_file_read(simm, path, text, sizeof(text) - 1);

	assert(n >= 0);
	text[n] = '\0';
	return text;
}

static unsigned long long counted(const char *report, const char *name)
{
	const char *at = strstr(report, name);

	assert(at);
	return strtoull(at + strlen(name), NULL, 10);
}

static void check_report(struct simm *simm)
{
	const char *report = read_file(simm, ACCESS);
	unsigned long long references = counted(report, "\nreferences ");

	assert(references == counted(report, "\nfetches ") + counted(report, "\nloads ") +
				     counted(report, "\nstores ") + counted(report, "\nmodifies "));
	/* A reference is one access at least, and only what is wide or both a load and a store is more. */
	assert(counted(report, "\ntlb_hits ") + counted(report, "\ntlb_second_hits ") +
			counted(report, "\ntlb_misses ") >=
		references);
	assert(!strncmp(report, "automap on", 10) || !strncmp(report, "automap off", 11));
	(void)references;
}

static void check(struct simm *simm)
{
	const char *said = read_file(simm, "sim/check");

	assert(!strcmp(said, "ok\n"));
	(void)said;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const presets[] = {"pc-x86_64", "pc-i386", "arm-virt", "riscv64-virt"};
	static const char *const files[] = {"maps", "smaps", "status", "stat", "numa_maps"};
	struct simm_node dir;
	char path[64];

	if (size < 2)
		return 0;
	struct simm *simm = fuzz_machine(presets[data[0] % 4], "64M");
	size_t piece = data[1] & 127 ? (data[1] & 127) * 8u : 1;
	int err = simm_resolve(simm, "sim/tasks", &dir);
	assert(!err);
	err = simm_mkdir(simm, &dir, "prog");
	assert(!err);
	if (data[1] & 128)
		write_to_ctl(simm, ACCESS, (const uint8_t *)"automap\n", 8, 8);
	write_to_ctl(simm, ACCESS, data + 2, size - 2, piece);
	check_report(simm);
	check(simm);
	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "sim/tasks/prog/%s", files[i]);
		/* Not each machine has all of them. */
		ssize_t n = simm_file_read(simm, path, text, sizeof(text));
		assert(n > 0 || n == -ENOENT);
		(void)n;
	}
	err = simm_rmdir(simm, &dir, "prog");
	assert(!err);
	check(simm);
	simm_destroy(simm);
	(void)err;
	return 0;
}
