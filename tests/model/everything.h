/* SPDX-License-Identifier: MIT
 *
 * The state of the model of everything (everything.c), and its acts.
 *
 * All of it is plain numbers and bytes in one struct, and what lies in the machine is named by numbers of the machine
 * (pids, offsets, ids), never by pointers: so it can be copied beside a copied machine, and both go on.
 */
#ifndef TESTS_MODEL_EVERYTHING_H
#define TESTS_MODEL_EVERYTHING_H

#include "support/model.h"

#include "mm/dma/mapping.h"
#include "mm/machine.h"

enum { TASKS = 4, SLOTS = 6, SLOT_PAGES = 10, STORES = 12, FILES = 4, PINS = 6, PIN_PAGES = 4 };
enum { OBJECTS = 24, AREAS = 6, HELD = 24, BLOCKS = 16, DEVICES = 4, MAPPINGS = 12, BUFFERS = 3 };
enum { WRITER_STALE = 255 }; /* who wrote last is not mapped any more */
enum { RUNS = 8, DEBUG_RUNS = 5, DEBUG_AREA = 0, SHARED = 3, SHARED_PAGES = 20, ATTACHED = 4 };
enum { PAGE = 4096, LARGEST = 4 * PAGE, NO_OWNER = 255 };

/* ---- memory of processes (everything_process.c) ---- */

enum slot_kind { SLOT_NONE, SLOT_ANON, SLOT_SHARED, SLOT_PRIVATE_FILE, SLOT_BUFFER };

struct user_page {
	bool own;    /* a private file's page has a copy of its own: bytes */
	bool busy;   /* a device has it: nobody looks */
	uint8_t pin; /* 1 + its pin */
	uint8_t bytes[PAGE];
};

/* One mapping, at an address of its own. */
struct slot {
	uint8_t kind, store, pages, first; /* a buffer's: its number and the first page of it */
	struct user_page page[SLOT_PAGES];
};

struct process {
	uint32_t pid; /* 0: none */
	struct slot slot[SLOTS];
};

/* What several may map: the files first, then shared anonymous memory while somebody maps it. */
struct store {
	uint64_t inode_at; /* 0: shared anonymous memory */
	bool used;
	uint64_t size;
	uint8_t bytes[SLOT_PAGES * PAGE];
};

/* Consecutive pages of a process that stay where they are. */
struct pin {
	bool used, busy;
	uint8_t pages, mapping;
	uint64_t pfn[PIN_PAGES];
	uint8_t bytes[PIN_PAGES *
		      PAGE]; /* after the process has given the page up, or a device has had it */
};

/* ---- memory of the kernel (everything_kernel.c) ---- */

/* Memory that is not anyone's page: slab objects, vmalloc areas, blocks of pages, pages with a name that follows them. */
struct piece {
	bool used, busy;
	uint8_t order;
	uint64_t at; /* address, or pfn of a block */
	uint64_t window, vmap;
	uint8_t cpu; /* of a local window: 1 + CPU */
	uint32_t size;
	uint8_t bytes[LARGEST];
};

/* ---- devices (everything_device.c) ---- */

enum target { TARGET_BLOCK, TARGET_OBJECT, TARGET_HELD, TARGET_PIN, NR_TARGETS };

struct mapped {
	bool used;
	uint8_t target, index, device, pages;
	enum dma_data_direction dir;
	uint32_t from, size, nr_sg, nr_dma;
	struct scatterlist sg[PIN_PAGES];
	uint8_t bytes[LARGEST]; /* that the device has */
};

struct buffer {
	bool used;
	uint8_t device;
	uint64_t va, dma;
	uint32_t size;
	uint8_t bytes[2 * PAGE];
};

/* ---- buffers that are shared (everything_buffer.c) ---- */

struct attached {
	bool used, mapped;
	uint8_t device, dir;
	uint32_t nr_dma;
	uint64_t number;
};

struct shared {
	bool used, with_devices;
	uint8_t pages, writer; /* 1 + the attachment that wrote since the CPUs had it */
	uint64_t ino, file_at, vmap;
	uint32_t vmaps;
	struct attached attached[ATTACHED];
	uint8_t bytes[SHARED_PAGES * PAGE];
};

/* ---- contiguous areas (everything_cma.c) ---- */

struct run {
	bool used;
	uint8_t area;
	uint32_t pages, skipped; /* released from its begin */
	uint64_t pfn, seed;
};

struct everything {
	struct machine *m;
	struct model_run run;
	struct process process[TASKS];
	struct store store[STORES];
	struct pin pin[PINS];
	struct piece object[OBJECTS], area[AREAS], held[HELD], block[BLOCKS];
	uint32_t device[DEVICES];
	bool coherent[DEVICES];
	uint32_t line; /* bytes of a DMA buffer are a multiple of it */
	struct mapped mapped[MAPPINGS];
	struct buffer buffer[BUFFERS];
	struct shared shared[SHARED];
	struct run run_of_cma[RUNS], debug_run[DEBUG_RUNS];
	unsigned every_nth; /* of the allocations of all acts fails; 0: one of some acts */
	/* counted, so that a run that did nothing is noticed */
	uint64_t failures, moved, transfers, compared, strays, contiguous;
	const char *act;
};

typedef void act_fn(struct everything *x);
struct act {
	const char *name;
	act_fn *fn;
	unsigned weight;
};
extern const struct act process_acts[], move_acts[], kernel_acts[], device_acts[], shared_acts[],
	cma_acts[], stray_acts[]; /* ends with a name NULL */

/* A living process; one of its mapped slots, SLOTS if the dice say an empty one; an address. */
struct process *any_process(struct everything *x);
struct task *task_of(const struct everything *x, const struct process *p);
unsigned full_slot(struct everything *x, const struct process *p);
uint64_t va_of(unsigned slot, unsigned page);

void process_begin(struct everything *x);
void device_begin(struct everything *x);
void stray_begin(struct everything *x);
/* Compare all bytes. */
void process_look(struct everything *x);
void kernel_look(struct everything *x);
void device_look(struct everything *x);
void shared_look(struct everything *x);
void cma_look(struct everything *x);
/* Give everything back. Devices first. */
void process_end(struct everything *x);
void kernel_end(struct everything *x);
void device_end(struct everything *x);
void shared_end(struct everything *x);
void cma_end(struct everything *x);

/* The next act's n-th page allocation may fail. */
void arm(struct everything *x);
/* Did an act fail for want of memory? It may when it was armed to, or when so much was asked (@large). */
bool starved(struct everything *x, int err, bool large);

/* Random bytes, alike for alike dice. */
void scribble(struct everything *x, uint8_t *bytes, uint32_t nr);
/* What the CPUs see at a physical address: write, compare. */
void put_phys(struct everything *x, uint64_t phys, const uint8_t *bytes, uint32_t nr);
void same_phys(struct everything *x, uint64_t phys, const uint8_t *bytes, uint32_t nr);
/* A CPU's load that must give these bytes, or a store of new ones, at a kernel address. */
void kernel_access(struct everything *x, uint64_t va, uint8_t *bytes);
void kernel_access_on(struct everything *x, unsigned cpu, uint64_t va, uint8_t *bytes);

static inline unsigned any_cpu(struct everything *x)
{
	return dice(x, x->m->nr_cpus);
}

/* ---- what devices do (everything_device.c) ---- */

struct device *device_of(const struct everything *x, unsigned i);
/* Is anything mapped or allocated for it, or is it attached? */
bool device_is_used(const struct everything *x, unsigned i);
void device_new(struct everything *x, unsigned i);
void finish_transfers(struct everything *x);
/* It reads these bytes, and has done so on return. */
void device_reads(
	struct everything *x, unsigned device, uint64_t dma, const uint8_t *bytes, uint32_t n);
/* The device's address of byte @at of what is mapped as these segments, and how many bytes follow it there. */
uint64_t dma_of(const struct scatterlist *sg, uint32_t nr, uint32_t at, uint32_t *left);
/* It reads all of that. */
void device_reads_all(struct everything *x, unsigned device, const struct scatterlist *sg,
	uint32_t nr, const uint8_t *bytes, uint32_t size);
/* It begins to write something, and @bytes are what; finish_transfers() sees to the end. */
void device_writes(struct everything *x, unsigned device, uint64_t dma, uint8_t *bytes, uint32_t n);

/* A buffer whose last holder is gone has ended. */
void shared_settle(struct everything *x);
uint64_t shared_pfn(const struct everything *x, unsigned i, unsigned page);

/* The device has the memory from now on, and gives it back. */
uint64_t held_pfn(const struct everything *x, unsigned i);
void pin_take(struct everything *x, unsigned i);
void pin_give_back(struct everything *x, unsigned i);

#endif
