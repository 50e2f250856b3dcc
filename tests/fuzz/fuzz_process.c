/* SPDX-License-Identifier: MIT
 *
 * Any bytes to a process's ctl, and to that of the child which it may have made: the machine's checks hold afterwards,
 * every file of the process can be read, and its end gives everything back.
 *
 * The first byte chooses the machine, the second says how the rest is cut into writes.
 */
#include "fuzz.h"

#include "ctl_pieces.h"
#include "machine.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static void check(struct simm *simm)
{
	static char text[1 << 17];
	ssize_t n = simm_file_read(simm, "sim/check", text, sizeof(text));

	assert(n == 3 && !memcmp(text, "ok\n", 3));
	(void)n;
}

static void read_files(struct simm *simm)
{
	static const char *const files[] = {"maps", "smaps", "smaps_rollup", "status", "stat",
		"cmdline", "fd", "numa_maps", "pagemap", "walk/0x8048000"};
	static char text[1 << 20];
	char path[64] = "proc/100/";

	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		strcpy(path + 9, files[i]);
		ssize_t n = simm_file_read(simm, path, text, sizeof(text));
		assert(n >= 0 || n == -ENOENT || n == -ESRCH || n == -EISDIR);
		(void)n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const presets[] = {"pc-i386", "pc-x86_64", "arm-virt"};
	struct simm_node dir, child;

	if (size < 2)
		return 0;
	struct simm *simm = fuzz_machine(presets[data[0] % 3], "64M");
	size_t piece = data[1] ? data[1] * 8u : 1;
	int err = simm_resolve(simm, "sim/tasks", &dir);
	assert(!err);
	err = simm_mkdir(simm, &dir, "hog");
	assert(!err);
	write_to_ctl(simm, "sim/tasks/hog/ctl", data + 2, size - 2, piece);
	check(simm);
	read_files(simm);
	if (!simm_resolve(simm, "proc/101/ctl", &child))
		write_to_ctl(simm, "proc/101/ctl", data + 2, size - 2, piece);
	check(simm);
	write_to_ctl(simm, "proc/1/ctl", data + 2, size - 2, piece);
	check(simm);
	/* It may have ended itself. */
	err = simm_rmdir(simm, &dir, "hog");
	assert(!err || err == -ENOENT);
	check(simm);
	simm_destroy(simm);
	(void)err;
	return 0;
}
