// CPU time of a server that is measured: of all its threads, and of the processes that it started.
#ifndef MILLRACE_BENCH_CPU_H
#define MILLRACE_BENCH_CPU_H

#include "bench.h"

#include <dirent.h>

/** A process and its descendants, as they were when it was looked at. */
struct family {
  long *pids;
  size_t count;
};

/** The parent of a process, or 0 where it is gone. */
static inline long parent_of(long pid) {
  char path[64], line[512];
  snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  FILE *file = fopen(path, "r");
  if (file == NULL) return 0;
  char *end = fgets(line, sizeof line, file) == NULL ? NULL : strrchr(line, ')'); // the name may hold anything
  fclose(file);
  long parent = 0;
  if (end != NULL && sscanf(end + 1, " %*c %ld", &parent) != 1) parent = 0;
  return parent;
}

static inline int in_family(const struct family *family, long pid) {
  for (size_t i = 0; i < family->count; i++) {
    if (family->pids[i] == pid) return 1;
  }
  return 0;
}

static inline void join_family(struct family *family, long pid) {
  family->pids = realloc(family->pids, (family->count + 1) * sizeof *family->pids);
  if (family->pids == NULL) die("realloc");
  family->pids[family->count++] = pid;
}

/** `pid` and all that descend from it, by passes over /proc until none is new. Without a pid it is empty. */
static inline struct family family_of(long pid) {
  struct family family = {0};
  if (pid == 0) return family;
  join_family(&family, pid);
  for (size_t before = 0; before < family.count;) {
    before = family.count;
    DIR *processes = opendir("/proc");
    if (processes == NULL) die("/proc");
    for (struct dirent *entry; (entry = readdir(processes)) != NULL;) {
      long each = strtol(entry->d_name, NULL, 10);
      if (each <= 0 || in_family(&family, each)) continue;
      if (in_family(&family, parent_of(each))) join_family(&family, each);
    }
    closedir(processes);
  }
  return family;
}

/** In nanoseconds, as the scheduler counts them. A thread that ended before is not in it. */
static inline uint64_t process_cpu_ns(long pid) {
  char path[320];
  uint64_t sum = 0;
  snprintf(path, sizeof path, "/proc/%ld/task", pid);
  DIR *tasks = opendir(path);
  if (tasks == NULL) die(path);
  for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
    if (task->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%ld/task/%s/schedstat", pid, task->d_name);
    FILE *file = fopen(path, "r");
    unsigned long long ns = 0;
    if (file == NULL) continue;
    if (fscanf(file, "%llu", &ns) == 1) sum += ns;
    fclose(file);
  }
  closedir(tasks);
  return sum;
}

static inline uint64_t family_cpu_ns(const struct family *family) {
  uint64_t sum = 0;
  for (size_t i = 0; i < family->count; i++) sum += process_cpu_ns(family->pids[i]);
  return sum;
}

#endif
