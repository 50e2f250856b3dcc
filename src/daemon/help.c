// SPDX-License-Identifier: MIT
/*
 * What --help and --list-machines print. The machine's options and the presets come from libsimm's
 * tables, so that they cannot be forgotten here.
 */
#include "daemon/options.h"

#include <simm/simm.h>

#include <stdio.h>
#include <string.h>

#define NAME_COLUMN 24

static void print_row(const char *name, const char *argument, const char *doc)
{
	int width = printf("    %s%s%s", name, argument ? "=" : "", argument ? argument : "");

	if (width >= NAME_COLUMN)
		printf("\n%*s", NAME_COLUMN, "");
	else
		printf("%*s", NAME_COLUMN - width, "");
	printf("%s\n", doc);
}

void print_machines(void)
{
	const char *name, *doc;

	for (unsigned i = 0; simm_machine_nth(i, &name, &doc); i++)
		printf("%-16s %s\n", name, doc);
}

void print_help(void)
{
	const char *name, *argument, *doc;

	puts("usage: simmfs [-f] [-o options] [MACHINE] MOUNTPOINT [-- COMMAND [ARGUMENT]...]\n"
	     "       simmfs --enter MOUNTPOINT [COMMAND [ARGUMENT]...]\n"
	     "       mount -t fuse.simmfs -o options MACHINE MOUNTPOINT\n"
	     "       simmfs --list-machines | --help | --version\n"
	     "\n"
	     "Simulates a machine's memory management and mounts it as MOUNTPOINT/proc, /sys, /dev "
	     "and /sim.\n"
	     "MACHINE is a preset's name (see --list-machines), a compiled devicetree (board.dtb), "
	     "or `none`.\n"
	     "Begin with: cat MOUNTPOINT/sim/README. Unmount with: fusermount3 -u MOUNTPOINT\n");
	print_row("-f", NULL, "stay in the foreground; ^C unmounts");
	print_row("-d", NULL, "the same, and print every request (libfuse's debug output)");
	print_row("-- COMMAND", NULL,
		"mount, run COMMAND with SIMM_MNT in its environment, unmount, end with its "
		"status");
	print_row("--enter MOUNTPOINT", NULL,
		"run COMMAND (or a shell) in a private namespace where /proc and /sys are the "
		"machine's");
	puts("\nOptions of the machine:");
	for (unsigned i = 0; simm_option_nth(i, &name, &argument, &doc); i++)
		print_row(name, argument, doc);
	puts("\nOptions of the daemon:");
	print_row("like", "DIR",
		"make a machine of the shape of the one whose /proc and /sys lie under DIR (/: "
		"this host)");
	print_row("realtime", NULL,
		"simulated time passes with the host's; without it, only by acts and sim/clock");
	print_row("debug", NULL, "as -d");
	puts("\nOptions of the mount:");
	print_row(
		"allow_other", NULL, "others than who mounted may enter; modes are then enforced");
	print_row("ro", NULL, "nobody may write");
	print_row("fsname", "NAME", "what mount and df show; otherwise the machine's name");
	puts("    and those that every file system takes (nosuid, noexec ...). A comma inside a "
	     "value is written \\,\n"
	     "    or the value stands in double quotes: -o 'cmdline=\"cma=64M foo=1,2\"'");
}
