/* SPDX-License-Identifier: MIT
 *
 * The oracle's machines, and the preset whose kernel each runs.
 */
#ifndef SIMM_TESTS_ORACLE_MACHINES_H
#define SIMM_TESTS_ORACLE_MACHINES_H

#include "oracle.h"

static const struct {
	const char *oracle, *preset;
} machines[] = {
	{"amd64-1g", "pc-x86_64"},
	{"amd64-numa-4g", "pc-x86_64-numa"},
	{"arm64-1g", "arm64-virt"},
	{"armhf-2g", "arm-virt"},
	{"i386-686-256m", "pc-i386"},
	{"i386-686-2g", "pc-i386"},
};
enum { NR_MACHINES = sizeof(machines) / sizeof(machines[0]) };

#endif
