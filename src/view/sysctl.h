/* SPDX-License-Identifier: MIT
 *
 * Files with one value (fs-layout/sysctl.def): how each type is read and written.
 */
#ifndef SIMM_VIEW_SYSCTL_H
#define SIMM_VIEW_SYSCTL_H

#include "view/view.h"

enum sysctl_type {
	SYSCTL_INT,	/* proc_dointvec_minmax(): an int */
	SYSCTL_ULONG,	/* proc_doulongvec_minmax(): an unsigned long of the kernel */
	SYSCTL_POOL,	/* as ULONG; reading shows the pool of huge pages */
	SYSCTL_BOOL,	/* proc_dobool(): anything but 0 is 1 */
	SYSCTL_JIFFIES, /* proc_dointvec_jiffies(): seconds, which must fit an int as ticks of 4 ms */
	SYSCTL_RESERVE,	 /* lowmem_reserve_ratio: one int a zone; reading recomputes */
	SYSCTL_ZONELIST, /* numa_zonelist_order: a word that is checked and forgotten */
	SYSCTL_TRIGGER,	 /* a write is what matters; reads are empty */
	SYSCTL_SYSFS,	 /* kstrtouint(): a number and nothing else */
	SYSCTL_WORDS,	 /* "always [madvise] never" */
	SYSCTL_CHOICE,	 /* one of the words, shown alone */
	SYSCTL_TRUTH,	 /* kstrtobool(), shown as true or false */
	SYSCTL_DEBUGFS	 /* simple_attr: a number, shown in decimal */
};

show_fn show_sysctl;
store_fn store_sysctl;

bool when_memory_failure(const struct machine *m);
bool when_nommu(const struct machine *m);
bool when_compat(const struct machine *m);
bool when_hugetlb(const struct machine *m);
bool when_32bit(const struct machine *m);
bool when_ksm(const struct machine *m);

#endif
