/* SPDX-License-Identifier: MIT
 *
 * like=DIR: the shape of a real machine from a dump of its /proc and /sys.
 *
 * Files are fed one by one, in any order; each is read by the names of its fields, and what is
 * unknown is passed over, so that dumps of kernels from 4.x to 6.18 will do. Here the facts are
 * only noted; describe_like.c makes a description of them.
 *
 *	proc/zoneinfo		nodes and zones: start_pfn, spanned, present, managed, cma
 *	proc/iomem		where RAM and devices are (addresses are 0 to those who may not know)
 *	sys/firmware/memmap	the same, when iomem is not readable
 *	proc/pagetypeinfo, proc/buddyinfo	the pageblock's order, how many orders
 *	proc/cpuinfo, cpu/online, node/		architecture, CPUs, distances
 *	proc/meminfo		the size of a page, CMA
 *	proc/sys/vm/		settings
 */
#include "base/parse.h"
#include "mm/boot/describe.h"
#include "mm/core/sysctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *const describe_like_paths[] = {
	"proc/zoneinfo",
	"proc/iomem",
	"proc/pagetypeinfo",
	"proc/buddyinfo",
	"proc/cpuinfo",
	"proc/meminfo",
	"sys/devices/system/cpu/online",
	"sys/devices/system/node/node*/distance",
	"sys/devices/system/node/node*/cpulist",
	"sys/firmware/memmap/*/start",
	"sys/firmware/memmap/*/end",
	"sys/firmware/memmap/*/type",
#define SYSCTL(name, need, when, path, ...) path,
#include "sysctl.def"
	NULL,
};

/* One line without its newline. */
struct line {
	const char *s;
	size_t len;
};

static bool next_line(const char **data, uint64_t *left, struct line *l)
{
	if (!*left)
		return false;
	const char *end = memchr(*data, '\n', *left);
	l->s = *data;
	l->len = end ? (size_t)(end - *data) : *left;
	*left -= l->len + (end != NULL);
	*data += l->len + (end != NULL);
	return true;
}

static void skip_blanks(struct line *l)
{
	while (l->len && (*l->s == ' ' || *l->s == '\t')) {
		l->s++;
		l->len--;
	}
}

/* The next word, up to a blank or one of @stops. */
static struct line take_word(struct line *l, const char *stops)
{
	skip_blanks(l);
	struct line word = {l->s, 0};

	while (word.len < l->len && word.s[word.len] != ' ' && word.s[word.len] != '\t' &&
		!strchr(stops, word.s[word.len]))
		word.len++;
	l->s += word.len;
	l->len -= word.len;
	return word;
}

static bool word_is(struct line w, const char *s)
{
	return parse_is(w.s, w.len, s);
}

static bool take_number(struct line *l, uint64_t *value)
{
	struct line w = take_word(l, ",:-");

	return parse_u64(w.s, w.len, 10, value);
}

static bool starts(struct line l, const char *s)
{
	return l.len >= strlen(s) && !memcmp(l.s, s, strlen(s));
}

static void drop(struct line *l, size_t n)
{
	l->s += n;
	l->len -= n;
}

static bool zone_by_name(struct line w, enum zone_type *type)
{
	static const char *const names[MAX_NR_ZONES] = {
		"DMA", "DMA32", "Normal", "HighMem", "Movable", "Device"};

	for (unsigned i = 0; i < MAX_NR_ZONES; i++)
		if (word_is(w, names[i])) {
			*type = (enum zone_type)i;
			return true;
		}
	return false;
}

/* "Node 0, zone      DMA" */
static int begin_zone(
	struct machine_desc *d, struct line l, struct like_zone **zone, struct refusal *why)
{
	uint64_t nid;
	enum zone_type type;

	*zone = NULL;
	drop(&l, strlen("Node "));
	if (!take_number(&l, &nid) || !starts(l, ", zone"))
		return 0;
	drop(&l, strlen(", zone"));
	struct line name = take_word(&l, "");
	if (!zone_by_name(name, &type))
		return refuse(why, EINVAL,
			"proc/zoneinfo has a zone named %.*s, which is not one of DMA, DMA32, "
			"Normal, "
			"HighMem, Movable, Device",
			(int)(name.len < 32 ? name.len : 32), name.s);
	if (d->like.nr_zones == sizeof(d->like.zone) / sizeof(d->like.zone[0]) || nid > UINT16_MAX)
		return refuse(why, EINVAL, "proc/zoneinfo has more than %d nodes", MAX_NODES);
	*zone = &d->like.zone[d->like.nr_zones++];
	**zone = (struct like_zone){.nid = (unsigned)nid, .type = type};
	d->like.zone_mask |= 1u << type;
	return 0;
}

static void zone_field(struct like_zone *z, struct line l)
{
	const struct {
		const char *name;
		uint64_t *value;
	} fields[] = {{"spanned", &z->spanned}, {"present", &z->present}, {"managed", &z->managed},
		{"cma", &z->cma}, {"start_pfn", &z->start_pfn}};
	struct line name = take_word(&l, ":");
	uint64_t value;

	if (l.len && *l.s == ':')
		drop(&l, 1);
	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (word_is(name, fields[i].name) && take_number(&l, &value))
			*fields[i].value = value;
}

static int read_zoneinfo(
	struct machine_desc *d, const char *data, uint64_t left, struct refusal *why)
{
	struct like_zone *z = NULL;
	struct line l;
	int err = 0;

	d->like.nr_zones = 0;
	while (!err && next_line(&data, &left, &l)) {
		skip_blanks(&l);
		if (starts(l, "Node "))
			err = begin_zone(d, l, &z, why);
		else if (z)
			zone_field(z, l);
	}
	if (!err && !d->like.nr_zones)
		err = refuse(why, EINVAL,
			"this is no /proc/zoneinfo: it has no line like \"Node 0, zone   Normal\"");
	d->like.set = !err;
	return err;
}

static bool iomem_type(struct line name, enum firmware_type *type)
{
	if (word_is(name, "System RAM"))
		*type = FIRMWARE_USABLE;
	else if (word_is(name, "ACPI Tables"))
		*type = FIRMWARE_ACPI;
	else if (word_is(name, "ACPI Non-volatile Storage"))
		*type = FIRMWARE_NVS;
	else if (word_is(name, "Persistent Memory"))
		*type = FIRMWARE_PERSISTENT;
	else if (word_is(name, "Reserved") || word_is(name, "reserved"))
		*type = FIRMWARE_RESERVED;
	else
		return false;
	return true;
}

static void iomem_line(struct machine_desc *d, struct line l)
{
	enum firmware_type type;
	uint64_t start, end;
	bool top = l.len && *l.s != ' ';

	skip_blanks(&l);
	struct line from = take_word(&l, "-");
	if (!l.len || *l.s != '-')
		return;
	drop(&l, 1);
	struct line to = take_word(&l, "");
	skip_blanks(&l);
	if (!starts(l, ": ") || !parse_u64(from.s, from.len, 16, &start) ||
		!parse_u64(to.s, to.len, 16, &end) || end <= start || end == UINT64_MAX)
		return;
	drop(&l, 2);
	if (top && iomem_type(l, &type)) {
		if (d->nr_fw < DESCRIBE_MAX_RANGES)
			d->fw[d->nr_fw++] = (struct firmware_range){
				.start = start, .end = end + 1, .type = type};
		return;
	}
	if (d->nr_io == DESCRIBE_MAX_IO)
		return;
	struct io_range *r = &d->io[d->nr_io++];
	*r = (struct io_range){.start = start, .end = end};
	snprintf(r->name, sizeof(r->name), "%.*s", (int)l.len, l.s);
}

static void read_iomem(struct machine_desc *d, const char *data, uint64_t left)
{
	struct line l;

	d->nr_fw = 0;
	d->nr_io = 0;
	while (next_line(&data, &left, &l))
		iomem_line(d, l);
}

/* "Page block order:  9"; a line of counts has as many columns as there are orders. */
static void read_pagetypeinfo(struct machine_desc *d, const char *data, uint64_t left)
{
	struct line l;
	uint64_t order;

	while (next_line(&data, &left, &l)) {
		if (!starts(l, "Page block order:"))
			continue;
		drop(&l, strlen("Page block order:"));
		if (take_number(&l, &order) && order < 64)
			d->like.pageblock_order = (unsigned)order;
	}
}

static void read_buddyinfo(struct machine_desc *d, const char *data, uint64_t left)
{
	struct line l;
	unsigned columns = 0;
	uint64_t value;

	if (!next_line(&data, &left, &l) || !starts(l, "Node "))
		return;
	const char *zone = memchr(l.s, ',', l.len);
	if (!zone)
		return;
	drop(&l, (size_t)(zone - l.s) + 1);
	take_word(&l, ""); /* zone */
	take_word(&l, ""); /* its name */
	while (take_number(&l, &value))
		columns++;
	d->like.nr_orders = columns;
}

static void cpuinfo_line(struct machine_desc *d, struct line l)
{
	const char *colon = memchr(l.s, ':', l.len);

	if (!colon)
		return;
	struct line name = {l.s, (size_t)(colon - l.s)},
		    value = {colon + 1, l.len - (size_t)(colon - l.s) - 1};
	while (name.len && (name.s[name.len - 1] == ' ' || name.s[name.len - 1] == '\t'))
		name.len--;
	skip_blanks(&value);
	if (word_is(name, "processor") && value.len && *value.s >= '0' && *value.s <= '9')
		d->like.cpuinfo_cpus++;
	else if (word_is(name, "vendor_id"))
		d->like.x86 = !starts(value, "IBM/S390");
	else if (word_is(name, "CPU architecture")) {
		uint64_t n;

		d->like.arm = true;
		d->like.arm_architecture = take_number(&value, &n)    ? (unsigned)n
					   : starts(value, "AArch64") ? 8
								      : 7;
	} else if (word_is(name, "isa") || word_is(name, "mmu"))
		d->like.riscv |= starts(value, "rv64") || starts(value, "sv");
	else if (word_is(name, "flags"))
		while (value.len)
			d->like.lm |= word_is(take_word(&value, ""), "lm");
	else if (word_is(name, "cpu"))
		d->like.other |= starts(value, "POWER") || starts(value, "PPC");
}

static void read_cpuinfo(struct machine_desc *d, const char *data, uint64_t left)
{
	struct line l;

	d->like.cpuinfo_cpus = 0;
	while (next_line(&data, &left, &l))
		cpuinfo_line(d, l);
}

static void read_meminfo(struct machine_desc *d, const char *data, uint64_t left)
{
	struct line l;
	uint64_t value;

	while (next_line(&data, &left, &l)) {
		struct line name = take_word(&l, ":");

		if (!l.len || *l.s != ':')
			continue;
		drop(&l, 1);
		if (!take_number(&l, &value))
			continue;
		if (word_is(name, "MemTotal"))
			d->like.mem_total_kib = value;
		else if (word_is(name, "CmaTotal"))
			d->like.cma_total_kib = value;
		else if (word_is(name, "HighTotal"))
			d->like.high |= value != 0;
	}
}

/* "0-3,8": sets bits below MAX_CPUS; returns how many CPUs there are. */
static unsigned read_cpulist(struct line l, uint64_t bits[MAX_CPUS / 64])
{
	unsigned nr = 0;
	uint64_t from, to;

	while (take_number(&l, &from)) {
		to = from;
		if (l.len && *l.s == '-') {
			drop(&l, 1);
			if (!take_number(&l, &to))
				break;
		}
		for (uint64_t cpu = from; cpu <= to && cpu < 8192; cpu++, nr++)
			if (bits && cpu < MAX_CPUS)
				bits[cpu / 64] |= (uint64_t)1 << (cpu % 64);
		if (!l.len || *l.s != ',')
			break;
		drop(&l, 1);
	}
	return nr;
}

static struct like_node *node_of(struct machine_desc *d, unsigned id)
{
	for (unsigned i = 0; i < d->like.nr_nodes; i++)
		if (d->like.node[i].id == id)
			return &d->like.node[i];
	if (d->like.nr_nodes == MAX_NODES)
		return NULL;
	d->like.node[d->like.nr_nodes].id = id;
	return &d->like.node[d->like.nr_nodes++];
}

static void read_distance(struct like_node *n, struct line l)
{
	uint64_t value;

	n->nr_distances = 0;
	while (n->nr_distances < MAX_NODES && take_number(&l, &value))
		n->distance[n->nr_distances++] = (uint8_t)(value < 255 ? value : 255);
}

static void read_memmap(struct machine_desc *d, unsigned i, struct line file, struct line l)
{
	struct firmware_range *r;
	struct line w = take_word(&l, "");
	uint64_t value;

	if (i >= DESCRIBE_MAX_RANGES)
		return;
	r = &d->like.memmap[i];
	if (word_is(file, "type")) {
		struct line whole = {w.s, w.len + l.len};

		if (!iomem_type(whole, &r->type))
			r->type = FIRMWARE_RESERVED;
		d->like.memmap_seen[i] |= 1;
	} else if (parse_u64(w.s, w.len, 16, &value) && word_is(file, "start")) {
		r->start = value;
		d->like.memmap_seen[i] |= 2;
	} else if (parse_u64(w.s, w.len, 16, &value) && word_is(file, "end") &&
		   value < UINT64_MAX) {
		r->end = value + 1;
		d->like.memmap_seen[i] |= 4;
	}
}

static void read_sysctl(struct machine_desc *d, const char *name, struct line l)
{
	if (d->like.nr_sysctls == sizeof(d->like.sysctl) / sizeof(d->like.sysctl[0]) ||
		strlen(name) >= sizeof(d->like.sysctl[0].name) ||
		l.len >= sizeof(d->like.sysctl[0].value))
		return;
	snprintf(d->like.sysctl[d->like.nr_sysctls].name, sizeof(d->like.sysctl[0].name), "%s",
		name);
	snprintf(d->like.sysctl[d->like.nr_sysctls].value, sizeof(d->like.sysctl[0].value), "%.*s",
		(int)l.len, l.s);
	d->like.nr_sysctls++;
}

/* A number behind @prefix in @path, and what follows it; false when @path is not of that kind. */
static bool numbered(const char *path, const char *prefix, unsigned *number, const char **rest)
{
	size_t len = strlen(prefix), digits;
	uint64_t n;

	if (strncmp(path, prefix, len))
		return false;
	digits = strspn(path + len, "0123456789");
	if (!parse_u64(path + len, digits, 10, &n) || n > 100000)
		return false;
	*number = (unsigned)n;
	*rest = path + len + digits;
	return true;
}

int describe_like_file(struct machine_desc *d, const char *path, const char *data, uint64_t bytes,
	struct refusal *why)
{
	const char *rest, *at = data;
	uint64_t left = bytes;
	struct line first = {data, 0};
	unsigned number;

	next_line(&at, &left, &first);
	if (!strcmp(path, "proc/zoneinfo"))
		return read_zoneinfo(d, data, bytes, why);
	if (!strcmp(path, "proc/iomem"))
		read_iomem(d, data, bytes);
	else if (!strcmp(path, "proc/pagetypeinfo"))
		read_pagetypeinfo(d, data, bytes);
	else if (!strcmp(path, "proc/buddyinfo"))
		read_buddyinfo(d, data, bytes);
	else if (!strcmp(path, "proc/cpuinfo"))
		read_cpuinfo(d, data, bytes);
	else if (!strcmp(path, "proc/meminfo"))
		read_meminfo(d, data, bytes);
	else if (!strcmp(path, "sys/devices/system/cpu/online"))
		d->like.online_cpus = read_cpulist(first, NULL);
	else if (!strncmp(path, "proc/sys/vm/", strlen("proc/sys/vm/")))
		read_sysctl(d, path + strlen("proc/sys/vm/"), first);
	else if (numbered(path, "sys/firmware/memmap/", &number, &rest) && *rest == '/')
		read_memmap(d, number, (struct line){rest + 1, strlen(rest + 1)}, first);
	else if (numbered(path, "sys/devices/system/node/node", &number, &rest)) {
		struct like_node *n = node_of(d, number);

		if (n && !strcmp(rest, "/distance"))
			read_distance(n, first);
		else if (n && !strcmp(rest, "/cpulist")) {
			memset(n->cpus, 0, sizeof(n->cpus));
			read_cpulist(first, n->cpus);
		}
	}
	return 0;
}
