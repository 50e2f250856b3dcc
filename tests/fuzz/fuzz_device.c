/* SPDX-License-Identifier: MIT
 *
 * Any bytes to a device's ctl and to its other files: the machine's checks hold afterwards, every file of the device can
 * be read, and it goes only when nothing is mapped for it.
 *
 * An input is a row of records with `|` between them. A record that begins with the name of a file of the device and a
 * blank is written to that file as it is; one that begins with `sim ` goes to sim/ctl; all others are lines of the
 * device's ctl. The first byte chooses the machine, the second says how lines are cut into writes.
 *
 * Before it the machine has a buffer `b` of four pages, single pages p.0 to p.9, and a DMA controller `engine`.
 */
#include "fuzz.h"

#include "ctl_pieces.h"
#include "machine.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DEVICE "sim/devices/toy/"

static const char *const files[] = {"mask", "coherent_mask", "address_lines", "coherent",
	"bus_offset", "dma_ranges", "bus_limit", "reg", "priority", "burst", "gap_ns", "channels",
	"mappings", "log", "registers"};

#define NR_FILES (sizeof(files) / sizeof(files[0]))

static void read_file(struct simm *simm, const char *path)
{
	static char text[1 << 17];
	ssize_t n = simm_file_read(simm, path, text, sizeof(text));

	assert(n >= 0);
	(void)n;
}

static void read_files(struct simm *simm)
{
	static const char *const others[] = {
		"sim/bus/masters", "sim/vmap_areas", "proc/iomem", "proc/dma", "sim/vars/b"};
	char path[64];

	for (unsigned i = 0; i < NR_FILES; i++) {
		snprintf(path, sizeof(path), DEVICE "%s", files[i]);
		read_file(simm, path);
	}
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct simm_node node;

		if (!simm_resolve(simm, others[i], &node))
			read_file(simm, others[i]);
	}
}

static void check(struct simm *simm)
{
	char text[512];
	ssize_t n = simm_file_read(simm, "sim/check", text, sizeof(text));

	assert(n == 3 && !memcmp(text, "ok\n", 3));
	(void)n;
}

static void lines(struct simm *simm, const char *path, const char *text)
{
	write_to_ctl(simm, path, (const uint8_t *)text, strlen(text), 4096);
}

static bool starts(const uint8_t *data, size_t size, const char *word)
{
	size_t len = strlen(word);

	return size > len && !memcmp(data, word, len) && data[len] == ' ';
}

static void record(struct simm *simm, const uint8_t *data, size_t size, size_t piece)
{
	char path[64];

	for (unsigned i = 0; i < NR_FILES; i++)
		if (starts(data, size, files[i])) {
			size_t name = strlen(files[i]) + 1;

			snprintf(path, sizeof(path), DEVICE "%s", files[i]);
			ssize_t ret = simm_file_write(simm, path, data + name, size - name);
			assert(ret <= (ssize_t)(size - name));
			(void)ret;
			return;
		}
	if (starts(data, size, "sim"))
		write_to_ctl(simm, "sim/ctl", data + 4, size - 4, piece);
	else
		write_to_ctl(simm, DEVICE "ctl", data, size, piece);
}

static void make(struct simm *simm, const struct simm_node *dir, const char *name)
{
	int err = simm_mkdir(simm, dir, name);

	assert(!err);
	(void)err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const presets[] = {"pc-i386", "pc-x86_64", "arm-virt", "arm64-virt"};
	struct simm_node dir;

	if (size < 2)
		return 0;
	struct simm *simm = fuzz_machine(presets[data[0] % 4], "64M");
	size_t piece = data[1] ? data[1] * 8u : 1;
	int err = simm_resolve(simm, "sim/devices", &dir);
	assert(!err);
	make(simm, &dir, "engine");
	make(simm, &dir, "toy");
	ssize_t written = simm_file_write(simm, "sim/devices/engine/channels", "2", 1);
	assert(written == 1);
	lines(simm, "sim/ctl",
		"b = __get_free_pages GFP_KERNEL 2\np.0-9 = alloc_pages GFP_KERNEL\n");
	for (size_t at = 2; at < size;) {
		const uint8_t *bar = memchr(data + at, '|', size - at);
		size_t len = bar ? (size_t)(bar - data) - at : size - at;

		record(simm, data + at, len, piece);
		at += len + 1;
	}
	check(simm);
	/* Unless the machine was booted anew by the input. */
	if (!simm_resolve(simm, DEVICE "ctl", &dir)) {
		read_files(simm);
		err = simm_resolve(simm, "sim/devices", &dir);
		assert(!err);
		err = simm_rmdir(simm, &dir, "toy");
		assert(!err || err == -EBUSY);
	}
	check(simm);
	simm_destroy(simm);
	(void)err;
	(void)written;
	return 0;
}
