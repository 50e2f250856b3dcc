/* SPDX-License-Identifier: MIT
 *
 * Values that can be set (sysctl.def): where they are kept, defaults, ranges. What follows from a write is
 * mm/sysctl_effect.c's. Follows kernel/sysctl.c of Linux 6.1.
 */
#include "mm/core/sysctl.h"

#include "base/parse.h"
#include "mm/core/above.h"
#include "mm/machine.h"

#include <string.h>

#define LONG_TOP(m) machine_word_max(m)

#define THREAD_BYTES(m)		  (machine_has(m, CONFIG_64BIT) ? 16384u : 8192u)
#define USER_RESERVE_KBYTES_MOST  ((uint64_t)1 << 17)
#define ADMIN_RESERVE_KBYTES_MOST ((uint64_t)1 << 13)
#define THP_LEAST_PAGES		  (((uint64_t)512 << 20) >> PAGE_SHIFT)
#define THP_DEFRAG_NEVER	  4

static const char *const paths[NR_SYSCTLS] = {
#define SYSCTL(name, need, when, path, mode, type, min, max, dflt, effect, doc)                    \
	[SYSCTL_##name] = path,
#include "sysctl.def"
};

const char *sysctl_path(enum sysctl_id id)
{
	return paths[id];
}

bool sysctl_thp_wanted(const struct machine *m)
{
	return machine_has(m, CONFIG_TRANSPARENT_HUGEPAGE) &&
	       m->sysctls.value[SYSCTL_thp_enabled] != THP_NEVER;
}

void sysctl_range(const struct machine *m, enum sysctl_id id, int64_t *least, int64_t *most)
{
	*least = *most = 0;
	switch (id) {
#define SYSCTL(name, need, when, path, mode, type, min, max, dflt, effect, doc)                    \
	case SYSCTL_##name:                                                                        \
		*least = (int64_t)(min);                                                           \
		*most = (int64_t)(max);                                                            \
		break;
#include "sysctl.def"
	case NR_SYSCTLS:
		break;
	}
}

/* The value of `@key=` on the command line, its length in *len; NULL without one. The last one
 * counts. */
static const char *cmdline_value(const struct machine *m, const char *key, size_t *len)
{
	const char *found = NULL;
	size_t key_len = strlen(key);

	for (const char *s = m->cmdline; *s;) {
		size_t word = strcspn(s, " \t");

		if (word > key_len && !memcmp(s, key, key_len) && s[key_len] == '=') {
			found = s + key_len + 1;
			*len = word - key_len - 1;
		}
		s += word;
		s += strspn(s, " \t");
	}
	return found;
}

static void adopt_cmdline(struct machine *m)
{
	static const char *const words[] = {"always", "madvise", "never"};
	size_t len = 0;
	const char *thp = cmdline_value(m, "transparent_hugepage", &len);

	for (unsigned i = 0; thp && i < 3; i++)
		if (parse_is(thp, len, words[i]))
			m->sysctls.value[SYSCTL_thp_enabled] = i;
}

void sysctls_init(struct machine *m)
{
	/* By enum zone_type: DMA, DMA32, Normal, HighMem, Movable, Device. */
	static const int64_t ratios[SYSCTL_RESERVE_ZONES] = {256, 256, 32, 0, 0, 0};
	struct sysctls *s = &m->sysctls;

	memset(s, 0, sizeof(*s));
#define SYSCTL(name, need, when, path, mode, type, min, max, dflt, effect, doc)                    \
	s->value[SYSCTL_##name] = (int64_t)(dflt);
#include "sysctl.def"
	memcpy(s->lowmem_reserve_ratio, ratios, sizeof(ratios));
	s->user_min_free_kbytes = -1;
	memcpy(s->hostname, "(none)", sizeof("(none)"));
	memcpy(s->domainname, "(none)", sizeof("(none)"));
	adopt_cmdline(m);
}

void sysctls_size(struct machine *m, uint64_t free_kbytes, uint64_t managed_pages)
{
	struct sysctls *s = &m->sysctls;
	size_t len;
	uint64_t share = free_kbytes / 32;
	s->value[SYSCTL_user_reserve_kbytes] =
		(int64_t)(share < USER_RESERVE_KBYTES_MOST ? share : USER_RESERVE_KBYTES_MOST);
	s->value[SYSCTL_admin_reserve_kbytes] =
		(int64_t)(share < ADMIN_RESERVE_KBYTES_MOST ? share : ADMIN_RESERVE_KBYTES_MOST);
	uint64_t threads = (managed_pages << PAGE_SHIFT) / (THREAD_BYTES(m) * 8);
	s->value[SYSCTL_threads_max] = threads < 20	     ? 20
				       : threads > INT32_MAX ? INT32_MAX
							     : (int64_t)threads;
	/* hugepage_init(): small machines start without. */
	if (managed_pages < THP_LEAST_PAGES && !cmdline_value(m, "transparent_hugepage", &len)) {
		s->value[SYSCTL_thp_enabled] = THP_NEVER;
		s->value[SYSCTL_thp_defrag] = THP_DEFRAG_NEVER;
		s->value[SYSCTL_thp_use_zero_page] = 0;
		s->value[SYSCTL_khugepaged_defrag] = 0;
	}
}

int sysctl_set(struct machine *m, enum sysctl_id id, int64_t value)
{
	int64_t old = m->sysctls.value[id];

	m->sysctls.value[id] = value;
	return core_above.sysctl_written(m, id, old);
}
